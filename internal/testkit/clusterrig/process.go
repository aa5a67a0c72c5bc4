package clusterrig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTime = 30 * time.Second
	endTime   = 20 * time.Second // for a process that was asked to leave
	maxLog    = 4 << 20          // bytes kept of what a process prints
)

// Process is a node or a gateway.
type Process struct {
	Name string
	Addr string // of its HTTP, the same when it is started again

	path string
	args []string
	env  []string
	cmd  *exec.Cmd
	out  sync.WaitGroup // reads its standard output
	says chan bool      // whether its first line names an address

	mu  sync.Mutex
	log bytes.Buffer
}

// NewProcess returns a process that was not started: the program at path, which serves
// HTTP at addr. env comes on top of the environment.
func NewProcess(name, addr, path string, args, env []string) *Process {
	return &Process{Name: name, Addr: addr, path: path, args: args, env: env}
}

// Write keeps what the process prints.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log.Len()+len(b) <= maxLog {
		p.log.Write(b)
	}
	return len(b), nil
}

// Printed returns what the process has printed, over all its runs.
func (p *Process) Printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Begin starts it, and does not wait until it serves.
func (p *Process) Begin() error {
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stderr = p
	// It goes when its starter does, however that ends.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(p.path), err)
	}
	says := make(chan bool, 1)
	p.says = says
	p.out.Go(func() {
		in := bufio.NewReader(out)
		line, err := in.ReadString('\n')
		says <- err == nil && strings.Contains(line, "http://")
		_, _ = io.Copy(io.Discard, in) // until it ends
	})
	return nil
}

// Start starts it and waits until it serves.
func (p *Process) Start() error {
	if err := p.Begin(); err != nil {
		return err
	}
	select {
	case ok := <-p.says:
		if ok {
			return nil
		}
	case <-time.After(startTime):
	}
	p.Kill()
	return fmt.Errorf("%s did not start: %s", p.Name, last(p.Printed()))
}

// last returns the last lines of a text.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// Kill ends it as kill -9 does. It may be gone already.
func (p *Process) Kill() {
	if !p.Running() {
		return
	}
	_ = p.cmd.Process.Kill() // it may be gone
	p.out.Wait()
	_ = p.cmd.Wait() // says that it was killed
}

// Running tells whether it was started and not ended.
func (p *Process) Running() bool { return p.cmd != nil && p.cmd.ProcessState == nil }

// Pause stops it as SIGSTOP does, until Resume.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

// Leave asks it to leave, as SIGTERM does, and does not wait.
func (p *Process) Leave() error { return p.signal(syscall.SIGTERM) }

func (p *Process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s: %v: %w", p.Name, s, err)
	}
	return nil
}

// Wait waits until it has left by itself; one that takes longer than bound is killed.
func (p *Process) Wait(bound time.Duration) error {
	killer := time.AfterFunc(bound, func() { _ = p.cmd.Process.Kill() })
	p.out.Wait()
	err := p.cmd.Wait()
	if !killer.Stop() {
		err = errors.Join(err, fmt.Errorf("it did not leave in %v", bound))
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.Name, err, last(p.Printed()))
	}
	return nil
}

// End has it leave. It may be stopped, or gone.
func (p *Process) End() error {
	if !p.Running() {
		return nil
	}
	if err := errors.Join(p.Resume(), p.Leave()); err != nil {
		p.Kill()
		return err
	}
	return p.Wait(endTime)
}
