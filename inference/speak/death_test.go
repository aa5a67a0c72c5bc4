package speak

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func helperParent(path string) {
	e, err := NewEspeak(Config{Worker: path, Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.PIDs()[0])
	select {}
}

func TestWorkersDieWithAKilledServer(t *testing.T) {
	p := exec.Command(os.Args[0])
	p.Env = append(os.Environ(), parentEnv+"="+workerPath)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("the server said %q", line)
	}
	_ = p.Process.Kill()
	_ = p.Wait()
	for end := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the worker outlived its server")
		}
	}
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}
