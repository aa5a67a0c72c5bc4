package cluster

import (
	"testing"
	"time"

	"livedub/internal/testkit/clusterrig"
)

// TestStop stops the node of a call for 10 s. The call goes on elsewhere. A listener who
// stays connected to the stopped node hears nothing of it when it goes on.
func TestStop(t *testing.T) { play(t, stop) }

func stop(t *scene) {
	r := start(t, clusterrig.Config{})
	c := call(t, r)
	stays, err := r.Stay(t.Context(), c)
	must(t, err)
	defer stays.Close()
	until(t, "the one who stays gets packets", 10*time.Second, func() bool { return stays.Packets() > 50 })
	n := holder(t, r, c)
	must(t, n.Pause())
	fault := time.Now()
	hearing(t, c, fault, 3)
	back := time.Now()
	f := c.Figures(fault, back)
	t.Logf("%+v%s", f, c.Told())
	if len(f.Twice) > 0 {
		t.Errorf("heard twice: %v", f.Twice)
	}
	// A node that hangs is given up after 2.2 s, when somebody asks for the session.
	if f.SourceGap > 7*time.Second {
		t.Errorf("the speaker was away for %v", f.SourceGap)
	}
	time.Sleep(time.Until(fault.Add(10 * time.Second)))
	had := stays.Packets()
	must(t, n.Resume())
	until(t, "the node gives the session up", 10*time.Second, func() bool {
		_, holds := r.Holds(t.Context(), n, c.Made.ID)
		return !holds
	})
	time.Sleep(time.Second)
	if stale := stays.Packets() - had; stale > 0 {
		t.Errorf("the node sent %d packets when it went on", stale)
	}
	hearing(t, c, time.Now(), 3)
	if f := c.Figures(back, time.Now()); len(f.Lost)+len(f.Twice) > 0 {
		t.Errorf("after the node went on: %+v", f)
	}
}
