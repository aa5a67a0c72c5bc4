package cluster

import (
	"testing"
	"time"

	"livedub/internal/testkit/clusterrig"
)

// TestKill kills the node of a call in the middle of a phrase. Who listens and who
// speaks are back by themselves, at another node, the session has its history, and nothing is heard
// twice.
func TestKill(t *testing.T) { play(t, kill) }

func kill(t *scene) {
	r := start(t, clusterrig.Config{})
	c := call(t, r)
	n := holder(t, r, c)
	fence := c.Fence.High()
	before, err := c.Played(t.Context())
	must(t, err)
	n.Kill()
	fault := time.Now()
	hearing(t, c, fault, 3)
	back := time.Now()
	f := c.Figures(fault, back)
	t.Logf("%+v", f)
	if now := holder(t, r, c); now == n || c.Fence.High() <= fence {
		t.Errorf("it is still at %s, fence %d, %d before", now.Name, c.Fence.High(), fence)
	}
	if len(f.Twice) > 0 {
		t.Errorf("heard twice: %v", f.Twice)
	}
	after, err := c.Played(t.Context())
	must(t, err)
	for id, was := range before {
		if now, kept := after[id]; !kept || now.SourceStart != was.SourceStart {
			t.Errorf("phrase %d at %v s is not in the session's history: %+v", id, was.SourceStart, now)
		}
	}
	if len(before) == 0 {
		t.Error("nothing was told before")
	}
	// They noticed at once, and were connected again in 3 s; then D passes.
	if f.SourceGap > 3*time.Second+500*time.Millisecond {
		t.Errorf("the speaker was away for %v", f.SourceGap)
	}
	if most := f.SourceGap + clusterrig.Delay + 2*time.Second; f.SoundGap > most {
		t.Errorf("silent for %v, %v at most", f.SoundGap, most)
	}
}
