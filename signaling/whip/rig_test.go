package whip

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/signaling/signalingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the endpoints before a desk.
type rig struct {
	signalingtest.Rig
	endpoint *Server
}

// open serves a desk with the session "talk"; change may alter how.
func open(t *testing.T, change func(*Config, *signalingtest.Desk)) *rig {
	d := signalingtest.NewDesk("talk")
	c := Config{Sessions: d}
	if change != nil {
		change(&c, d)
	}
	endpoint := New(c)
	return &rig{signalingtest.Open(t, d, endpoint), endpoint}
}

// publish posts Chromium's offer and returns the resource's path.
func (r *rig) publish(path string) string {
	r.Helper()
	got := r.Do("POST", path, signalingtest.Offer, "Content-Type", "application/sdp")
	if got.Status != http.StatusCreated {
		r.Fatalf("POST %s: %d %s", path, got.Status, got.Body)
	}
	return got.Header.Get("Location")
}

// want fails unless the answer has the status and holds the text.
func (r *rig) want(got signalingtest.Reply, status int, text string) {
	r.Helper()
	if got.Status != status || !strings.Contains(got.Body, text) {
		r.Errorf("got %d %s, want %d %q", got.Status, got.Body, status, text)
	}
	if status >= 400 && (!strings.Contains(got.Body, `"hint":"`) || got.Header.Get("Content-Type") != "application/json") {
		r.Errorf("an error without JSON and hint: %v %s", got.Header, got.Body)
	}
	if got.Header.Get("Access-Control-Allow-Origin") != "*" {
		r.Errorf("no CORS: %v", got.Header)
	}
}
