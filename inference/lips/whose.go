package lips

import (
	"maps"
	"math"
	"slices"
	"time"

	"livedub/inference"
)

// Whose implements inference.LipsWhose.
func (v *view) Whose(p inference.Said) inference.Person {
	if v.turns == nil {
		return inference.Anyone
	}
	return v.turns.whose(p, v.at, v.who)
}

const (
	keeps  = .25                    // how much a person counts more, as a logarithm, who is taken for the speaker already
	leans  = .1                     // and who seems to speak
	surely = .4                     // by how much one counts more than any other, so that there is no need
	lookAt = time.Second            // to look on for so long first
	around = 200 * time.Millisecond // a phrase that belongs to it

	offscreen = .3 // how much less one counts who is not in the picture, as a logarithm

	// A mouth that moves less than stillness a second while somebody talks for stillFor says
	// nothing: the voice comes from elsewhere. People who talk move by .1 at the very least.
	stillFor  = 1500 * time.Millisecond
	stillness = .04
)

// whose tells who said a phrase, as far as it is known at a time, when the face that
// seems to speak is first's.
func (h *turns) whose(p inference.Said, at time.Duration, first inference.Person) inference.Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.decided[p.Start]
	if d == nil {
		if h.decided == nil {
			h.decided = map[time.Duration]*decision{}
		}
		if len(h.decided) >= mostAsked { // those of now go on being whose they are
			delete(h.decided, slices.Min(slices.Collect(maps.Keys(h.decided))))
		}
		d = &decision{}
		h.decided[p.Start] = d
	}
	if d.whole {
		return d.who
	}
	seen := h.over(p.Start-around, min(p.End+around, at))
	who := h.best(p, seen, d.who, first)
	if h.people < 2 && who != inference.Unseen {
		return inference.Anyone
	}
	if who == inference.Unseen && d.who == inference.Anyone && at < p.End+around {
		return who // it may become clearer
	}
	d.who = who
	if e := seen[who]; e != nil && at >= p.End+around {
		d.whole = true
		h.learn(who, p.Pitch, e)
	}
	return who
}

// best returns whose mouth fits a phrase best, of those who were seen meanwhile. It
// rather returns nobody than the wrong one. so is who it was taken for so far.
func (h *turns) best(p inference.Said, seen map[inference.Person]*evidence, so, first inference.Person) inference.Person {
	var frames int
	var long time.Duration
	var size float64
	for _, e := range seen {
		frames, long, size = max(frames, e.n), max(long, e.long), max(size, e.size/float64(e.n))
	}
	best, most, second := inference.Unseen, math.Inf(-1), math.Inf(-1)
	weigh := func(who inference.Person, score float64) {
		switch score += h.fits(who, p.Pitch); {
		case who == so:
			score += keeps
		case who == first && so <= inference.Anyone:
			score += leans
		}
		if score > most || score == most && who < best {
			best, most, second = who, score, most
		} else {
			second = max(second, score)
		}
	}
	// It may be somebody's who is known, but not in the picture most of the time.
	away := func(who inference.Person) float64 {
		if h.fits(who, p.Pitch) > 0 {
			return math.Log(size+1) - offscreen
		}
		return math.Inf(-1)
	}
	for who, e := range seen {
		if !e.still() {
			weigh(who, max(e.score()+.5*math.Log(float64(e.n+5)/float64(frames+5)), away(who)))
		}
	}
	for who := range h.voices {
		if seen[who] == nil {
			weigh(who, away(who))
		}
	}
	switch {
	case len(seen) == 0 && h.people < 2:
		return first
	case long < lookAt && most-second < surely:
		return inference.Unseen
	}
	return best
}

// evidence is what tells for one person.
type evidence struct {
	n      int // frames
	last   time.Duration
	long   time.Duration // seen
	talked time.Duration // seen while somebody talked
	size   float64
	moved  float64
	sound  joint
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
			e = &evidence{last: s.at}
			out[s.who] = e
		}
		gap := min(e.last-s.at, longest)
		e.n, e.last, e.long = e.n+1, s.at, e.long+gap
		e.size += s.size
		e.moved += s.moved
		if s.heard {
			e.sound.add(s.stirs, s.loud, 1)
			if s.loud >= speaks {
				e.talked += gap
			}
		}
	}
	return out
}

// still tells whether the mouth surely did not move while somebody talked.
func (e *evidence) still() bool { return e.talked > stillFor && e.moved < stillness*e.talked.Seconds() }

// score tells, as a logarithm, how much speaks for a person.
func (e *evidence) score() float64 {
	score := math.Log(e.size/float64(e.n)+1) + voice*max(e.sound.correlation(), 0)
	if e.moved < talks { // the more so the longer it was seen
		score += math.Log(stillSize) * (1 - e.moved/talks) * min(e.long.Seconds()/2, 1)
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
	if h.voices == nil || len(h.voices) > mostAsked {
		h.voices = map[inference.Person]float64{}
	}
	v, ok := h.voices[who]
	if !ok {
		v = math.Log2(pitch)
	}
	h.voices[who] = v + (math.Log2(pitch)-v)/3
}
