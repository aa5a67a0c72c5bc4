package proc

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNiceNest(t *testing.T) {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, nice := range []int{0, 3} {
		n := NewNiceGroups(nice)
		g := n.Group()
		if err := g.Start(exec.Command("sleep", "600")); err != nil {
			t.Fatal(err)
		}
		if p, err := unix.Getpriority(unix.PRIO_PROCESS, g.PIDs()[0]); err != nil || own-p != nice {
			t.Errorf("%d is added to the niceness, want %d (%v)", own-p, nice, err)
		}
		g.Kill()
		n.Close()
	}
}

func TestAvailable(t *testing.T) {
	if n := Available(); n < 1<<20 || n > 1<<50 {
		t.Errorf("%d bytes are available", n)
	}
}
