package lips

import (
	"math"
	"sync"
	"time"

	"livedub/inference"
)

// turns remember who was seen when, and how their mouths moved while it was how loud,
// to tell whose a phrase is. It is safe for concurrent use.
type turns struct {
	mu      sync.Mutex
	seen    []sighting // in order of time
	people  int        // told apart in seen, 2 for more
	decided map[time.Duration]*decision
	voices  map[inference.Person]float64 // pitch, binary logarithm
}

// sighting is one person in one frame.
type sighting struct {
	at    time.Duration
	who   inference.Person
	size  float64
	stirs float64
	moved float64
	loud  float64
	heard bool
}

// decision is what was found out about one phrase.
type decision struct {
	who   inference.Person
	whole bool // the phrase was seen to its end
}

const (
	remembered = 40 * time.Second
	mostSeen   = 6000 // sightings
	around     = 200 * time.Millisecond
	askedOften = 64 // phrases
)

// see takes in that somebody was seen at a time, with a mouth that moved so.
func (h *turns) see(who inference.Person, size float64, a *activity, at time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.seen); n > 0 && at < h.seen[n-1].at {
		h.seen = h.seen[:0] // time was set back
	}
	h.seen = append(h.seen, sighting{at, who, size, a.stirs, a.moved, a.loud, a.heard})
	if n := len(h.seen); n > mostSeen || at-h.seen[0].at > remembered+time.Second {
		drop := max(n-mostSeen, 0)
		for h.seen[drop].at < at-remembered {
			drop++
		}
		h.seen = append(h.seen[:0], h.seen[drop:]...)
		h.count()
	}
	if h.people < 2 && h.seen[0].who != who {
		h.people = 2
	}
}

// count counts the people.
func (h *turns) count() {
	h.people = 0
	for _, s := range h.seen {
		if s.who != h.seen[0].who {
			h.people = 2
			return
		}
	}
}

// same tells that one who seemed to be new is somebody who was seen before.
func (h *turns) same(seeming, who inference.Person) {
	if seeming == who {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.seen {
		if h.seen[i].who == seeming {
			h.seen[i].who = who
		}
	}
	for _, d := range h.decided {
		if d.who == seeming {
			d.who = who
		}
	}
	delete(h.voices, seeming)
	h.count()
}

// Whose implements inference.LipsWhose.
func (v *view) Whose(p inference.Said) inference.Person {
	if v.turns == nil {
		return inference.Anyone
	}
	return v.turns.whose(p, v.at, v.who)
}

// whose tells who said a phrase, as far as it is known at a time, when the face that
// seems to speak is first's.
func (h *turns) whose(p inference.Said, at time.Duration, first inference.Person) inference.Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.people < 2 {
		return inference.Anyone
	}
	d := h.decided[p.Start]
	if d == nil {
		if h.decided == nil || len(h.decided) > askedOften {
			h.decided = map[time.Duration]*decision{}
		}
		d = &decision{}
		h.decided[p.Start] = d
	}
	if d.whole && d.who != inference.Anyone {
		return d.who
	}
	seen := h.over(p.Start-around, min(p.End+around, at))
	best, most := inference.Anyone, math.Inf(-1)
	for who, e := range seen {
		score := e.score() + h.fits(who, p.Pitch)
		switch who {
		case d.who:
			score += keeps
		case first:
			if d.who == inference.Anyone {
				score += keeps
			}
		}
		if score > most || score == most && who < best {
			best, most = who, score
		}
	}
	if best == inference.Anyone {
		best = first
	}
	if d.who = best; at >= p.End+around && best != inference.Anyone {
		d.whole = true
		h.learn(best, p.Pitch, seen[best])
	}
	return d.who
}

// keeps is how much a person counts more, as a logarithm, who is taken for the speaker already.
const keeps = .25

// evidence is what tells for one person.
type evidence struct {
	n, heard int
	size     float64
	moved    float64
	sound    joint
}

// over collects what was seen of people in a stretch of time.
func (h *turns) over(from, to time.Duration) map[inference.Person]*evidence {
	out := map[inference.Person]*evidence{}
	for i := len(h.seen) - 1; i >= 0 && h.seen[i].at >= from; i-- {
		s := h.seen[i]
		if s.at > to {
			continue
		}
		e := out[s.who]
		if e == nil {
			e = &evidence{}
			out[s.who] = e
		}
		e.n++
		e.size += s.size
		e.moved += s.moved
		if s.heard {
			e.sound.add(s.stirs, s.loud, 1)
		}
	}
	return out
}

// score tells, as a logarithm, how much speaks for a person.
func (e *evidence) score() float64 {
	score := math.Log(e.size/float64(e.n)+1) + voice*e.sound.correlation()
	if e.moved < talks {
		score += math.Log(stillSize) * (1 - e.moved/talks)
	}
	return score
}

const (
	pitchCounts = 1.5     // how much the pitch of a phrase counts
	otherPitch  = 5. / 12 // octaves, from which on it is another's
	itsVoice    = .2      // correlation of mouth and sound from which on a voice is learned
)

// fits tells how well a phrase's pitch fits a person's voice; 0 where nobody's is known.
func (h *turns) fits(who inference.Person, pitch float64) float64 {
	if pitch <= 0 {
		return 0
	}
	v, ok := h.voices[who]
	if !ok {
		return 0
	}
	return pitchCounts * (.5 - min(math.Abs(math.Log2(pitch)-v)/otherPitch, 1))
}

// learn takes in the pitch of a phrase that somebody was seen to say.
func (h *turns) learn(who inference.Person, pitch float64, e *evidence) {
	if pitch <= 0 || e == nil || e.sound.correlation() < itsVoice {
		return
	}
	if h.voices == nil || len(h.voices) > askedOften {
		h.voices = map[inference.Person]float64{}
	}
	v, ok := h.voices[who]
	if !ok {
		v = math.Log2(pitch)
	}
	h.voices[who] = v + (math.Log2(pitch)-v)/3
}
