package lips

import (
	"math"
	"slices"
	"time"

	"livedub/inference"
)

// activity is how a mouth moved lately: a face on a poster may be larger than the
// speaker's, but it never talks, and one that eats does not move with the sound.
type activity struct {
	at     time.Duration // when it was last seen
	anchor float64       // opening from which it moves on; -1 for none
	sum    float64       // of the openings' changes, fading

	height float64 // opening last seen
	stirs  float64 // how much it changed lately, fading fast
	moved  float64 // how much it moved on in the last frame
	loud   float64 // how loud it was then, dB above what is silence
	heard  bool    // something is known of that
	sound  joint   // of stirs and how loud it is
}

// joint are the moments of two series, fading.
type joint struct{ n, x, y, xx, yy, xy float64 }

const (
	stillSize = .45 // how large a face counts whose mouth stands still
	stir      = .04 // smaller changes of an opening may be noise
	talks     = .5  // a word or two
	fading    = 8 * time.Second

	syllable  = 200 * time.Millisecond // over which a mouth's changes are added up
	listening = 3 * time.Second        // over which they are compared with the sound
	voice     = 1.5                    // how much larger, as a logarithm, a face counts whose mouth moves with it
)

// see takes in the mouth at time t, at which the source is loud by so many dB; heard
// is false where nothing is known of the sound.
func (a *activity) see(s shape, t time.Duration, loud float64, heard bool) {
	gone := max(t-a.at, 0)
	a.sum, a.at, a.moved = a.left(t), t, 0
	a.loud, a.heard = loud, heard
	switch d := math.Abs(s.height() - a.anchor); {
	case a.anchor < 0:
		a.anchor, a.height = s.height(), s.height()
	case d > stir:
		a.moved = min(d, .15)
		a.sum += a.moved
		a.anchor = s.height()
	}
	a.stirs = a.stirs*math.Exp(-float64(gone)/float64(syllable)) + min(math.Abs(s.height()-a.height), .15)
	a.height = s.height()
	if heard {
		a.sound.add(a.stirs, loud, math.Exp(-float64(gone)/float64(listening)))
	}
}

func (j *joint) add(x, y, keep float64) {
	j.n, j.x, j.y = j.n*keep+1, j.x*keep+x, j.y*keep+y
	j.xx, j.yy, j.xy = j.xx*keep+x*x, j.yy*keep+y*y, j.xy*keep+x*y
}

// correlation is 0 where either stands still.
func (j *joint) correlation() float64 {
	x, y := j.x/j.n, j.y/j.n
	vx, vy := j.xx/j.n-x*x, j.yy/j.n-y*y
	if j.n < 25 || vx < 1e-4 || vy < 4 {
		return 0
	}
	return (j.xy/j.n - x*y) / math.Sqrt(vx*vy)
}

// speaks tells how well the mouth moves with the sound, -1 to 1; 0 where nobody knows.
// It is safe on nil.
func (a *activity) speaks() float64 {
	if a == nil {
		return 0
	}
	return a.sound.correlation()
}

// left returns what is left of the sum at time t.
func (a *activity) left(t time.Duration) float64 {
	return a.sum * math.Exp(-float64(max(t-a.at, 0))/float64(fading))
}

// moves tells whether the mouth moved lately. It is safe on nil.
func (a *activity) moves(t time.Duration) bool { return a != nil && a.left(t) > talks }

// watch takes in the mouths of all faces but the chosen one and those beside it, which
// are measured with what is known of them, and forgets those long gone.
func (m *mouths) watch(pic frame, faces []inference.Face, chosen int, beside []inference.Face, t time.Duration) {
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
		followed := f.ID == chosen || slices.ContainsFunc(beside, func(b inference.Face) bool { return b.ID == f.ID })
		if !followed && sane(f) && trust(f) > 0 {
			loud, heard := m.ear.loud(t)
			a.see(measure(pic, poseOf(f), f, &habits{reach: usualReach}), t, loud, heard)
		}
	}
}

// counts returns how large a face counts when the speaker is looked for.
func (m *mouths) counts(f inference.Face, t time.Duration) float64 {
	a := m.seen[f.ID]
	if !a.moves(t) {
		return f.Size * stillSize
	}
	return f.Size * math.Exp(voice*a.speaks())
}
