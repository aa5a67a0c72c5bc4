package proc

import (
	"os/exec"
	"testing"
	"time"
)

func TestSharedCountsLibrariesOfTwoProcesses(t *testing.T) {
	n := NewGroups()
	defer n.Close()
	g := n.Group()
	for range 2 { // two of the same program share at least its pages
		if err := g.Start(exec.Command("sleep", "600")); err != nil {
			t.Fatal(err)
		}
	}
	defer g.Kill()
	for _, pid := range g.PIDs() {
		end := time.Now().Add(10 * time.Second)
		for Shared(pid) <= 0 && time.Now().Before(end) { // until it has become the program
			time.Sleep(5 * time.Millisecond)
		}
		if s, rss := Shared(pid), PeakRSS(pid); s <= 0 || s >= rss {
			t.Errorf("process %d shares %d of %d bytes", pid, s, rss)
		}
	}
	if s := Shared(1 << 30); s != 0 {
		t.Errorf("no process shares %d bytes", s)
	}
}
