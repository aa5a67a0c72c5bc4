package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

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
	publish(t, s, "/whip/"+made.ID, newSpeaker(t, time.Second), relay)
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
	publish(t, s, "/whip/call?from=en&to=es", newSpeaker(t, time.Second), relay)
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
	publish(t, s, "/whip/call", newSpeaker(t, time.Second), nil)
	until(t, "the viewer sees the next publisher", func() bool { return count() > had+60 })
	if code, body := s.call(t, "DELETE", "/v1/sessions/call", "", nil); code >= 300 {
		t.Errorf("DELETE: %d %s", code, body)
	}
	until(t, "nothing of the session is left", func() bool { return s.gauge(t, "go_goroutines") <= before+2 })
}

// TestPlacesOfWhoLeaves closes a publisher's and a viewer's connection properly,
// without a DELETE: within a second both places are free.
func TestPlacesOfWhoLeaves(t *testing.T) {
	s := serve(t, append([]string{"--limits-viewers-all", "1"}, fakes...)...)
	camera, _ := sending{}.publish(t, s, "/whip/call?from=en&to=es", newSpeaker(t, time.Second))
	screen := peerConnection(t)
	w := watchBy(t, s, screen, "/whep/call/es", nil)
	until(t, "frames come", func() bool { n, _ := w.came(); return n > 30 })
	seen := func() (state string, viewers float64) {
		var v struct{ State string }
		s.call(t, "GET", "/v1/sessions/call", "", &v)
		return v.State, s.gauge(t, "livedub_viewers")
	}
	if state, viewers := seen(); state != "live" || viewers != 1 {
		t.Errorf("%s, %v viewers", state, viewers)
	}
	for what, pc := range map[string]*webrtc.PeerConnection{"publisher": camera, "viewer": screen} {
		if err := pc.Close(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	gone := time.Now()
	until(t, "nobody is there", func() bool { state, viewers := seen(); return state == "idle" && viewers == 0 })
	if d := time.Since(gone); d > time.Second {
		t.Errorf("their places are free after %v", d)
	}
	publish(t, s, "/whip/call", newSpeaker(t, time.Second), nil)
	next := watch(t, s, "/whep/call/es") // the one place of all
	until(t, "the next viewer sees the next publisher", func() bool { n, _ := next.came(); return n > 30 })
}

// TestViewerWithoutInterceptors: one that sends no receiver reports, and asks
// for nothing, still gets every frame after the time that reports may take.
func TestViewerWithoutInterceptors(t *testing.T) {
	s := serve(t, fakes...)
	publish(t, s, "/whip/call?from=en&to=es", newSpeaker(t, time.Second), nil)
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	w := watchBy(t, s, pc, "/whep/call/es", nil)
	time.Sleep(15 * time.Second)
	before, _ := w.came()
	time.Sleep(5 * time.Second)
	after, _ := w.came()
	if got, want := after-before, 5*testFPS; before < 5*testFPS || got < want/2 { // half: a busy machine shows fewer
		t.Errorf("%d frames in 15 s, and %d of %d in the 5 s after", before, got, want)
	}
}
