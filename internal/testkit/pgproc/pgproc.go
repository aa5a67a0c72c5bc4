// Package pgproc runs real PostgreSQL servers, each on a free port of this machine with
// a folder and a cluster of its own, for tests (pgtest) and for benches.
package pgproc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that this machine has no PostgreSQL server.
var ErrMissing = errors.New("no PostgreSQL server: apt-get install postgresql")

const (
	// User is the superuser of each server.
	User = "livedub"
	// Password is what the user comes in by.
	Password = "only-for-tests"

	startTime = 60 * time.Second
	stopTime  = 30 * time.Second
)

// Server is a PostgreSQL server.
type Server struct {
	Addr string // 127.0.0.1:PORT, the same after Start
	Dir  string // all that it has

	bin  string // folder of its programs
	args []string
	as   *syscall.Credential // nil: as this process
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
}

// New makes a cluster that is not started. args are settings, as "fsync=on": without
// any, what is written is safe from a crash of the server, not of the machine, which
// saves tests their time. Close removes it.
func New(args ...string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	as, err := somebody()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "livedub-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, bin: bin, as: as, args: args}
	if err := s.make(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs returns the folder with initdb, postgres and their like: where Debian puts
// them, the newest, or in PATH.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		version := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return n
		}
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	path, err := exec.LookPath("initdb")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", ErrMissing
	}
	return filepath.Dir(path), nil
}

// somebody returns whom to be where this process is root, which PostgreSQL refuses to be.
func somebody() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if err == nil && gerr == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to be root, and there is no user postgres or nobody to run it as")
}

func (s *Server) make() error {
	if s.as != nil {
		if err := os.Chown(s.Dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return err
		}
	}
	password := filepath.Join(s.Dir, "password")
	if err := os.WriteFile(password, []byte(Password), 0o644); err != nil { // in a folder of 0700
		return err
	}
	if _, err := s.Run("initdb", "-D", s.data(), "-U", User, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "-N"); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	s.Addr = l.Addr().String()
	return nil
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// command returns a program of PostgreSQL's, run in the server's folder as its user.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGPASSWORD="+Password)
	// It goes when its starter does, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Run runs a program of PostgreSQL's beside the server, as pg_dump, to its end and returns
// what it printed. The server's password is in its environment.
func (s *Server) Run(name string, args ...string) (string, error) {
	cmd := s.command(name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", name, err, errs.Bytes())
	}
	return string(out), nil
}

// Args adds settings before Start.
func (s *Server) Args(args ...string) { s.args = append(s.args, args...) }

// Give gives a file or a folder in Dir to the server's user, who alone may enter it then.
func (s *Server) Give(path string) error {
	if s.as != nil {
		if err := os.Chown(path, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chmod(path, info.Mode()&0o700)
}

// URL returns the address of a database of the server.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(User, Password), Host: s.Addr, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Start starts it, again after Stop or Kill, and waits until it answers.
func (s *Server) Start() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	settings := append([]string{
		"listen_addresses=127.0.0.1", "port=" + port, "unix_socket_directories=", "shared_buffers=32MB", "max_connections=50",
		"dynamic_shared_memory_type=mmap", "fsync=off", "full_page_writes=off", "log_statement=none", "autovacuum=off", "max_wal_size=256MB",
	}, s.args...)
	args := []string{"-D", s.data()}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log // a file: no goroutine stays behind
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() { // until the server ends, for which Kill and Stop wait
		defer close(gone)
		_ = cmd.Wait() // says how it was ended
	}()
	s.cmd, s.gone = cmd, gone
	for start := time.Now(); time.Since(start) < startTime; time.Sleep(20 * time.Millisecond) {
		select {
		case <-gone:
			return fmt.Errorf("postgres did not start: %s", s.Log())
		default:
		}
		if s.accepts() {
			return nil
		}
	}
	s.Kill()
	return fmt.Errorf("postgres does not answer on %s: %s", s.Addr, s.Log())
}

// accepts tells whether the server's own file says that it takes connections.
func (s *Server) accepts() bool {
	state, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(state), "\n")
	return len(lines) > 7 && lines[0] == strconv.Itoa(s.cmd.Process.Pid) && strings.TrimSpace(lines[7]) == "ready"
}

// Log returns the end of what the server has logged.
func (s *Server) Log() string {
	log, err := os.ReadFile(filepath.Join(s.Dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4000):])
}

// Running tells whether the server was started and has not ended.
func (s *Server) Running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

// Stop ends it as an administrator does who does not wait for clients.
func (s *Server) Stop() error {
	if !s.Running() {
		return nil
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	select {
	case <-s.gone:
		return nil
	case <-time.After(stopTime):
		s.Kill()
		return errors.New("postgres did not stop, and was killed")
	}
}

// Restart stops and starts it.
func (s *Server) Restart() error { return errors.Join(s.Stop(), s.Start()) }

// Kill ends it, and the processes of its connections, as a crash does. It may be gone already.
func (s *Server) Kill() {
	if !s.Running() {
		return
	}
	children := s.children()
	_ = s.cmd.Process.Kill() // fails where it has ended
	<-s.gone
	for _, pid := range children { // they would finish what they are at
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, pid := range children {
		for range 500 {
			if syscall.Kill(pid, 0) != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// children returns the server's processes other than the first.
func (s *Server) children() []int {
	found, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid))
	if err != nil {
		return nil
	}
	var pids []int
	for _, path := range found {
		text, _ := os.ReadFile(path) // it may have ended
		for _, f := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Pause stops it without closing connections, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	for _, pid := range append(s.children(), s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, sig) // one may just have ended
	}
}

// Close kills it and removes all that it has.
func (s *Server) Close() error {
	s.Kill()
	return os.RemoveAll(s.Dir)
}
