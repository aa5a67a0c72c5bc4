package lips

import (
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
	mostAsked  = 64   // phrases, and voices
)

// see takes in that somebody was seen at a time, with a mouth that moved so.
func (h *turns) see(who inference.Person, size float64, a *activity, at time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.seen); n > 0 && at < h.seen[n-1].at {
		h.seen, h.people, h.decided = h.seen[:0], 0, nil // time was set back: its phrases are others
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
