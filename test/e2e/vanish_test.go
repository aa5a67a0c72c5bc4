package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"livedub/internal/proc"
	"livedub/internal/testkit/netem"
)

// gauge reads a metric without labels from the server.
func (s *server) gauge(t *testing.T, name string) float64 {
	t.Helper()
	_, body := s.call(t, "GET", "/metrics", "", nil)
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err == nil {
				return v
			}
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// holdings are what a server holds for its peers.
type holdings struct {
	goroutines, frames float64
	processes          int // of the engines
}

func (s *server) holdings(t *testing.T) holdings {
	t.Helper()
	return holdings{s.gauge(t, "go_goroutines"), s.gauge(t, "livedub_frames_held"), len(proc.Children(s.cmd.Process.Pid))}
}

// TestNothingIsLeftOfWhoVanishes cuts a publisher and a viewer off without a
// word: within 10 s their session holds no more than before they came.
func TestNothingIsLeftOfWhoVanishes(t *testing.T) {
	s := serve(t, "--speak-workers", "1") // as many as are kept ready from the start
	var made struct{ ID string }
	s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":2000,"consent":true}`, &made)
	before := s.holdings(t)
	until(t, "the session's engines are warm", func() bool {
		time.Sleep(time.Second)
		was := before
		before = s.holdings(t)
		return before == was && before.processes > 2
	})
	relay, err := netem.New(netem.Config{Target: mediaAddr(t, s)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() })
	publish(t, s, "/whip/"+made.ID, newTalker(t, time.Second), relay)
	w := watchThrough(t, s, "/whep/"+made.ID+"/es", relay)
	until(t, "frames come", func() bool { n, _ := w.came(); return n > 90 })
	t.Logf("before: %+v, with a publisher and a viewer: %+v", before, s.holdings(t))
	relay.Blackout(0, time.Hour)
	gone := time.Now()
	var now holdings
	until(t, "all is given back", func() bool {
		now = s.holdings(t)
		return now.goroutines <= before.goroutines+2 && now.frames == 0 && now.processes <= before.processes
	})
	t.Logf("after %v: %+v", time.Since(gone).Round(100*time.Millisecond), now)
	if d := time.Since(gone); d > 10*time.Second {
		t.Errorf("given back after %v", d)
	}
}

// TestVanishedPublisher cuts a publisher off without a word: its place is free
// within 10 s, another one takes it while the viewer stays, and when the
// session is deleted nothing of it is left.
func TestVanishedPublisher(t *testing.T) {
	s := serve(t, fakes...)
	before := s.gauge(t, "go_goroutines")
	relay, err := netem.New(netem.Config{Target: mediaAddr(t, s)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() })
	publish(t, s, "/whip/call?from=en&to=es", newTalker(t, time.Second), relay)
	w := watch(t, s, "/whep/call/es")
	count := func() int { n, _ := w.came(); return n }
	until(t, "frames come", func() bool { return count() > 30 })
	state := func() string {
		var v struct{ State string }
		s.call(t, "GET", "/v1/sessions/call", "", &v)
		return v.State
	}
	if st := state(); st != "live" {
		t.Errorf("state %s", st)
	}
	relay.Blackout(0, time.Hour)
	gone := time.Now()
	until(t, "the session is idle", func() bool { return state() == "idle" })
	if d := time.Since(gone); d > 10*time.Second {
		t.Errorf("the publisher was missed after %v", d)
	}
	had := count()
	publish(t, s, "/whip/call", newTalker(t, time.Second), nil)
	until(t, "the viewer sees the next publisher", func() bool { return count() > had+60 })
	if code, body := s.call(t, "DELETE", "/v1/sessions/call", "", nil); code >= 300 {
		t.Errorf("DELETE: %d %s", code, body)
	}
	until(t, "nothing of the session is left", func() bool { return s.gauge(t, "go_goroutines") <= before+2 })
}
