package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"livedub/internal/proc"
)

// server is a running `livedub serve`.
type server struct {
	base string // http://localhost:PORT
	mark string
	cmd  *exec.Cmd

	mu   sync.Mutex
	log  bytes.Buffer
	kept io.Writer // of allLogs
}

// Write keeps what the server prints.
func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != nil {
		_, _ = s.kept.Write(b) // it is memory
	}
	return s.log.Write(b)
}

func (s *server) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// serve starts the server on free ports and ends it, and checks that nothing is left of it, with the test.
func serve(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{}
	cmd, mark, _ := prepared(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--media-port", "0", "--drain", "0s"}, args...)...)
	s.cmd, s.mark, s.kept = cmd, mark, allLogs.of(t, cmd.Args, cmd.Env)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = s
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v: %s", err, s.printed())
	}
	for _, word := range strings.Fields(line) {
		if strings.HasPrefix(word, "http") {
			s.base = strings.Replace(word, "localhost", "127.0.0.1", 1)
		}
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

// kill ends the server as kill -9 does.
func (s *server) kill(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it says that it was killed
}

// stop ends the server by SIGTERM; it may be called twice.
func (s *server) stop(t testing.TB) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	// One that has drained ends by itself: another signal would have it leave in the middle of that.
	if !strings.Contains(s.printed(), "msg=done") {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
	s.ended(t)
}

// ended waits until the server, which was told to, has ended, and judges how it did.
func (s *server) ended(t testing.TB) {
	t.Helper()
	started := proc.Children(s.cmd.Process.Pid)
	killer := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	err := s.cmd.Wait()
	if !killer.Stop() || err != nil {
		t.Errorf("the server did not end well: %v\n%s", err, s.printed())
	}
	if left := processes(s.mark); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, pid := range started { // some carry no mark
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !bytes.Contains(stat, []byte(") Z ")) {
			t.Errorf("left behind: %s", stat)
		}
	}
	if log := s.printed(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the server's log:\n%s", log)
	}
}

// client keeps no connection when a request has ended.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// call makes an HTTP request and decodes the JSON answer into v, unless nil.
func (s *server) call(t testing.TB, method, path, body string, v any) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return resp.StatusCode, string(b)
}

// prepared returns the program ready to be started, with a mark by which it and what it starts are found.
func prepared(t testing.TB, args ...string) (*exec.Cmd, string, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "livedub"), args...)
	mark := markOf(t, cmd)
	stderr := &bytes.Buffer{}
	cmd.Stderr = io.MultiWriter(stderr, allLogs.of(t, args, cmd.Env))
	return cmd, mark, stderr
}

// mediaAddr returns where the server takes media, as its log tells.
func mediaAddr(t testing.TB, s *server) string {
	t.Helper()
	var port string
	until(t, "the server tells its media port", func() bool {
		_, rest, ok := strings.Cut(s.printed(), "media_port=")
		port, _, _ = strings.Cut(rest, " ")
		return ok && port != ""
	})
	return "127.0.0.1:" + port
}
