// Package redisproc runs real Redis servers, each on a free port of this machine, for
// tests (redistest) and for benches.
package redisproc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that this machine has no redis-server.
var ErrMissing = errors.New("no redis-server: apt-get install redis-server")

// Server is a redis-server.
type Server struct {
	Addr string // 127.0.0.1:PORT, the same after Start
	Dir  string // where it saves

	args []string
	cmd  *exec.Cmd
	log  *bytes.Buffer
}

// New returns a server that is not started. args are its settings, as "--requirepass",
// "secret"; a first one that is no option is a file of settings, and none but the given
// ones are used then.
func New(dir string, args ...string) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrMissing
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return &Server{Addr: l.Addr().String(), Dir: dir, args: args}, nil
}

// Args adds settings before Start.
func (s *Server) Args(args ...string) { s.args = append(s.args, args...) }

// Start starts it, again after Kill, and waits until it answers.
func (s *Server) Start() error {
	_, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.Dir, "--save", "", "--appendonly", "no"}, s.args...)
	if len(s.args) > 0 && !strings.HasPrefix(s.args[0], "--") {
		args = s.args
	}
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	// It goes when its starter does, however that ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 100 {
		if c, err := net.DialTimeout("tcp", s.Addr, time.Second); err == nil {
			c.Close()
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Kill()
	return fmt.Errorf("redis-server %v does not listen on %s: %s", args, s.Addr, s.log)
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
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("redis-server: %v: %w", sig, err)
	}
	return nil
}

// Do has the server run a command and returns what it answers, lines and all.
func (s *Server) Do(command string) (string, error) {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second)) // fails with what follows
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return "", err
	}
	in := bufio.NewReader(c)
	head, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	head = strings.TrimSpace(head)
	switch {
	case strings.HasPrefix(head, "-"):
		return "", fmt.Errorf("redis-server: %s: %s", command, head[1:])
	case strings.HasPrefix(head, "$"):
		n, err := strconv.Atoi(head[1:])
		if err != nil || n < 0 {
			return "", fmt.Errorf("redis-server: %s: %s", command, head)
		}
		body := make([]byte, n)
		_, err = io.ReadFull(in, body)
		return string(body), err
	}
	return head, nil
}
