// Package redistest runs real Redis servers for tests, each on a free port of this
// machine, with a folder of its own.
package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
)

// Server is a redis-server. Its methods end the test where they fail.
type Server struct {
	Addr string // 127.0.0.1:PORT, the same after Start
	Dir  string // where it saves

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	log  *bytes.Buffer
}

// Start runs redis-server, Debian's package of that name, until the test ends. args are
// its settings, as "--requirepass", "secret". Without the program the test fails in
// continuous integration, and is skipped elsewhere.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := New(t, args...)
	s.Start()
	return s
}

// New is Start without starting: Addr and Dir are there for a file of settings.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		groundtest.Need(t, "no redis-server: apt-get install redis-server")
	}
	s := &Server{Addr: groundtest.FreeAddr(t), Dir: t.TempDir(), t: t, args: args}
	t.Cleanup(s.Kill)
	return s
}

// Args adds settings before Start. A first one that is no option is a file of
// settings, and none but the given ones are used then.
func (s *Server) Args(args ...string) { s.args = append(s.args, args...) }

// Start starts it, again after Kill, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.Dir, "--save", "", "--appendonly", "no"}, s.args...)
	if len(s.args) > 0 && !strings.HasPrefix(s.args[0], "--") {
		args = s.args
	}
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	// It goes when the test program does, however that ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 100 {
		if c, err := net.DialTimeout("tcp", s.Addr, time.Second); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Kill()
	s.t.Fatalf("redis-server %v does not listen on %s: %s", args, s.Addr, s.log)
}

// Kill ends it as a crash does. It may be gone already.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait() // says that it was killed
}

// Pause stops it without closing connections, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(fmt.Errorf("redis-server: %v: %w", sig, err))
	}
}
