package e2e

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServerDrains sends SIGTERM to a server with a live call, whose engines run
// in child processes: the server takes no more work, the call goes on, and the
// process leaves when the call ends, or at once by a second signal.
func TestServerDrains(t *testing.T) {
	for _, how := range []string{"the call ends", "a second signal"} {
		t.Run(how, func(t *testing.T) { drains(t, how) })
	}
}

func drains(t *testing.T, how string) {
	s := serve(t, "--drain", "5m")
	publish(t, s, "/whip/call?from=en&to=es", newSpeaker(t, time.Second), nil)
	dub, original := watch(t, s, "/whep/call/es"), watch(t, s, "/whep/call/en")
	events := lines(t, s, "/v1/sessions/call/events")
	seen := func() (n int) {
		a, _ := dub.came()
		b, _ := original.came()
		return min(a, b)
	}
	until(t, "both viewers see the call", func() bool { return seen() > 0 })
	if status, body := s.call(t, "GET", "/readyz", "", nil); status != 200 {
		t.Fatalf("before the signal: /readyz %d %s", status, body)
	}

	signaled := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "/readyz answers 503", func() bool {
		status, _ := s.call(t, "GET", "/readyz", "", nil)
		return status == http.StatusServiceUnavailable
	})
	if status, body := s.call(t, "GET", "/healthz", "", nil); status != 200 {
		t.Errorf("while draining: /healthz %d %s", status, body)
	}
	until(t, "no session is taken", func() bool {
		status, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"]}`, nil)
		return status == http.StatusServiceUnavailable && strings.Contains(body, "the server is shutting down: ask another, or again later")
	})
	if status, body := s.call(t, "POST", "/whip/other?from=en&to=es", "v=0\r\n", nil); status < 400 {
		t.Errorf("a session made by its name: %d %s", status, body)
	}
	var info struct {
		State         string
		DrainingUntil time.Time `json:"draining_until"`
	}
	if status, body := s.call(t, "GET", "/v1/sessions/call", "", &info); status != 200 || info.State != "live" {
		t.Errorf("the live call: %d %s", status, body)
	}
	if d := info.DrainingUntil.Sub(signaled); d < 290*time.Second || d > 310*time.Second {
		t.Errorf("the call may go on for %v, want 5m", d)
	}
	until(t, "the event stream tells of it", func() bool {
		select {
		case line := <-events:
			return line == "event: drain"
		default:
			return false
		}
	})
	before := seen()
	until(t, "3 s of frames come to both viewers after the signal", func() bool { return seen() > before+3*testFPS })

	ended, code := time.Now(), 0
	switch how {
	case "the call ends":
		if status, body := s.call(t, "DELETE", "/v1/sessions/call", "", nil); status != 204 {
			t.Errorf("DELETE: %d %s", status, body)
		}
	default:
		code = 1
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	killer := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait()
	took := time.Since(ended)
	if !killer.Stop() || took > 5*time.Second || s.cmd.ProcessState.ExitCode() != code {
		t.Errorf("after %s the process left in %v with %v, want code %d\n%s", how, took, s.cmd.ProcessState, code, s.printed())
	}
	t.Logf("after %s the process left in %v", how, took.Round(time.Millisecond))
	until(t, "no process is left", func() bool { return len(processes(s.mark)) == 0 })
}

// lines reads what a URL streams, line by line, until the test or the stream ends.
func lines(t *testing.T, s *server, path string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		t.Fatalf("GET %s: %d %s", path, resp.StatusCode, body)
	}
	out, done := make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(done)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			select {
			case out <- in.Text():
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		resp.Body.Close()
		<-done
	})
	return out
}
