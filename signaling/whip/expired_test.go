package whip

import (
	"testing"
	"time"

	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// TestExpiredInTheMiddle: publishers and viewers are let go when the capability by
// which they came is over; who came by a longer one stays.
func TestExpiredInTheMiddle(t *testing.T) {
	r := open(t, nil)
	short := map[string]string{
		"/whip/talk":    signalingtest.TokenFor(2*time.Second, "talk", access.Publish, ""),
		"/whep/talk/es": signalingtest.TokenFor(2*time.Second, "talk", access.Watch, "es"),
	}
	for path, token := range short {
		if got := r.Do("POST", path, signalingtest.Offer, append([]string{"Authorization", "Bearer " + token}, evil...)...); got.Status != 201 {
			t.Fatalf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	long := signalingtest.Token("talk", access.Watch, "es")
	if got := r.Do("POST", "/whep/talk/es", signalingtest.Offer, append([]string{"Authorization", "Bearer " + long}, evil...)...); got.Status != 201 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	peers := r.Desk.Peers()
	for until := time.Now().Add(30 * time.Second); peers[0].Closes() != 1 || peers[1].Closes() != 1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("peers go on by capabilities that are over")
		}
	}
	if peers[2].Closes() != 0 {
		t.Error("a viewer was let go before the time")
	}
	for path, token := range short {
		if got := r.Do("POST", path, signalingtest.Offer, append([]string{"Authorization", "Bearer " + token}, evil...)...); got.Status != 404 {
			t.Errorf("%s by what is over: %d", path, got.Status)
		}
	}
}
