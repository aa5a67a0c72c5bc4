package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// parentEnv makes this test binary a parent that starts a child and waits to be killed.
const parentEnv = "LIVEDUB_PROC_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		parent()
		return
	}
	goleak.VerifyTestMain(m)
}

func parent() {
	g := NewGroups().Group()
	cmd := exec.Command("sleep", "600")
	if err := g.Start(cmd); err != nil {
		fmt.Println("error", err)
		return
	}
	// Churn threads: if the death of just any thread ended the child, it would end here.
	for range 20 {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(done)
		}()
		<-done
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println(cmd.Process.Pid, g.Exited())
	select {}
}

func TestChildrenDieWithAKilledParent(t *testing.T) {
	p := exec.Command(os.Args[0])
	p.Env = append(os.Environ(), parentEnv+"=1")
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	word, exited, _ := strings.Cut(strings.TrimSpace(line), " ")
	child, err := strconv.Atoi(word)
	if err != nil || exited != "false" {
		t.Fatalf("parent said %q", line)
	}
	if c := Children(p.Process.Pid); !slices.Contains(c, child) {
		t.Errorf("Children(%d) = %v, want %d in it", p.Process.Pid, c, child)
	}
	_ = p.Process.Kill()
	_ = p.Wait()
	eventually(t, "the child to die", func() bool { return !running(child) })
}

func TestGroup(t *testing.T) {
	n := NewGroups()
	defer n.Close()
	g := n.Group()
	for range 3 {
		if err := g.Start(exec.Command("sleep", "600")); err != nil {
			t.Fatal(err)
		}
	}
	ids := g.PIDs()
	if len(ids) != 3 || g.Exited() {
		t.Fatalf("PIDs %v, Exited %v: want three that run", ids, g.Exited())
	}
	for _, id := range ids {
		if pg, _ := syscall.Getpgid(id); pg != ids[0] {
			t.Errorf("process %d is in group %d, want %d", id, pg, ids[0])
		}
		eventually(t, "sleep to be loaded", func() bool { return PeakRSS(id) > 100<<10 })
	}
	_ = syscall.Kill(ids[1], syscall.SIGKILL)
	eventually(t, "Exited", g.Exited)
	g.Kill()
	g.Kill()
	for _, id := range ids {
		if running(id) {
			t.Errorf("process %d survived Kill", id)
		}
	}
	if g.PIDs() != nil || !g.Exited() {
		t.Error("a killed group still has processes")
	}
	if err := g.Start(exec.Command("true")); err == nil {
		t.Error("Start after Kill succeeded")
	}
}

func TestGroupCPU(t *testing.T) {
	n := NewGroups()
	defer n.Close()
	g := n.Group()
	if err := g.Start(exec.Command("sh", "-c", "while :; do :; done")); err != nil {
		t.Fatal(err)
	}
	pid := g.PIDs()[0]
	eventually(t, "50 ms of CPU", func() bool { return CPU(pid) >= 50*time.Millisecond && g.CPU() >= 50*time.Millisecond })
	g.Kill()
	if g.CPU() < 50*time.Millisecond {
		t.Errorf("CPU after Kill = %v, want what was used", g.CPU())
	}
	if CPU(pid) != 0 || PeakRSS(pid) != 0 {
		t.Error("a process that is gone still measures")
	}
}

func TestNestCloseKills(t *testing.T) {
	for range 20 { // on whatever thread each happens to start
		testNestCloseKills(t)
	}
}

func testNestCloseKills(t *testing.T) {
	t.Helper()
	n := NewGroups()
	cmd := exec.Command("sleep", "600")
	if err := n.Start(cmd); err != nil {
		t.Fatal(err)
	}
	n.Close()
	n.Close()
	err := cmd.Wait()
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Errorf("the process ended with %v, want SIGKILL", err)
	}
	if n.Start(exec.Command("true")) == nil {
		t.Error("Start after Close succeeded")
	}
}

func TestThreadCPU(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a := ThreadCPU()
	for x := 0; ThreadCPU()-a < 2*time.Millisecond; x++ {
		if x > 1e9 {
			t.Fatal("ThreadCPU does not advance")
		}
	}
}

func running(pid int) bool {
	f := stat(pid)
	return f != nil && f.field(3) != "Z" && f.field(3) != "X"
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}
