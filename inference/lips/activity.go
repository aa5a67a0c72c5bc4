package lips

import (
	"math"
	"time"

	"livedub/inference"
)

// activity is how much a mouth moved lately: a face on a poster may be larger
// than the speaker's, but it never talks.
type activity struct {
	at     time.Duration // when it was last seen
	anchor float64       // opening from which it moves on; -1 for none
	sum    float64       // of the openings' changes, fading
}

const (
	stillSize = .45 // how large a face counts whose mouth stands still
	stir      = .04 // smaller changes of an opening may be noise
	talks     = .5  // a word or two
	fading    = 8 * time.Second
)

// see takes in the mouth at time t.
func (a *activity) see(s shape, t time.Duration) {
	a.sum, a.at = a.left(t), t
	switch d := math.Abs(s.height() - a.anchor); {
	case a.anchor < 0:
		a.anchor = s.height()
	case d > stir:
		a.sum += min(d, .15)
		a.anchor = s.height()
	}
}

// left returns what is left of the sum at time t.
func (a *activity) left(t time.Duration) float64 {
	return a.sum * math.Exp(-float64(max(t-a.at, 0))/float64(fading))
}

// moves tells whether the mouth moved lately. It is safe on nil.
func (a *activity) moves(t time.Duration) bool { return a != nil && a.left(t) > talks }

// watch takes in the mouths of all faces but the chosen one, which is measured
// with what is known of it, and forgets those long gone.
func (m *mouths) watch(pic frame, faces []inference.Face, chosen int, t time.Duration) {
	for id, a := range m.seen {
		if t-a.at > 2*fading {
			delete(m.seen, id)
		}
	}
	for _, f := range faces {
		a := m.seen[f.ID]
		if a == nil {
			a = &activity{at: t, anchor: -1}
			m.seen[f.ID] = a
		}
		if f.ID != chosen && sane(f) && trust(f) > 0 {
			a.see(measure(pic, poseOf(f), f, &habits{reach: usualReach}), t)
		}
	}
}
