// Package timeline plans one dub: when each phrase sounds, how loud the
// original is meanwhile, and what the mouth does. It is pure: no goroutine, no
// clock, words and times in, plan out.
package timeline

import (
	"errors"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/media"
)

// ErrTooLate is returned for a dub that could start only MaxLate after its due time.
var ErrTooLate = errors.New("too late to be dubbed")

// Config is how a profile plans. Output time is source time + Delay.
type Config struct {
	Delay   time.Duration // D
	Freeze  time.Duration // a placement is known this long before it plays
	MaxLate time.Duration // a dub later than this is not played

	// DuckUnits ducks the original over the whole source span of dubbed units
	// and the short gaps between them; otherwise only while the dub sounds.
	DuckUnits bool
	Gain      float64 // of the original while it is ducked
}

const (
	attack  = 50 * time.Millisecond
	release = 200 * time.Millisecond
	// maxGap is the longest pause between dubbed units that stays ducked.
	maxGap = 1500 * time.Millisecond
	// overdue is how long after its time a unit's dub may still be unknown before
	// the original is heard again instead.
	overdue = 500 * time.Millisecond
)

// Placement is one dubbed phrase on the output timeline.
type Placement struct {
	Phrase     inference.Phrase // source times
	Start, End time.Duration    // output times of the dub
	Late       time.Duration    // Start against the phrase's own start + D
	known      time.Duration
	sound      []int16 // mono, Rate
	marks      []inference.Mark
}

// Rate is the sampling rate of all sound on a timeline, Hz.
const Rate = 48000

// Timeline is one dub's plan. It is safe for concurrent use.
type Timeline struct {
	cfg Config

	mu       sync.Mutex
	placed   []Placement // in order of Start, those not yet forgotten
	expected []expectation
	kept     map[int]time.Duration // output time before which a phrase does not start, by its ID
	muted    []span                // of the source, whose original is ducked without a dub; in order
	doubted  bool                  // the unit that was decided last came to nothing
	lastEnd  time.Duration
	envelope float64 // present gain of the original
	levels   Levels
	voiced   float64       // present gain of the dub
	dumped   time.Duration // source time; phrases that begin before are not placed
}

// expectation is a unit that is being spoken or prepared: its dub will come,
// so that the original stays ducked until it is known not to, or overdue.
type expectation struct {
	id         int
	final      bool
	start, end time.Duration // source
	known      time.Duration
}

// span is a stretch of source time.
type span struct{ start, end time.Duration }

// Mute tells that a phrase is neither to be dubbed nor to be heard: the original is
// ducked while it lasts, as far as that has not sounded yet.
func (t *Timeline) Mute(p inference.Phrase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(p.ID)
	t.muted = append(t.muted, span{p.Start, p.End})
}

// New returns an empty plan.
func New(c Config) *Timeline {
	return &Timeline{cfg: c, envelope: 1, levels: Levels{Gain: 1, Original: Duck}, voiced: 1}
}

// Expect tells that a unit which began at source time start is being spoken,
// known at now. It is called again as the unit grows. Guesses that came to
// nothing end with the next unit.
func (t *Timeline) Expect(now time.Duration, p inference.Phrase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.Start < t.dumped {
		return
	}
	next := expectation{p.ID, p.Final, p.Start, p.End, now}
	t.expected = slices.DeleteFunc(t.expected, func(e expectation) bool {
		if e.id == p.ID {
			next.known = e.known
		}
		return e.id == p.ID || !e.final
	})
	t.expected = append(t.expected, next)
}

// Drop takes an expectation back: the unit will not be dubbed. Until a unit is
// placed again, none that is only expected ducks the original.
func (t *Timeline) Drop(id int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(id)
	t.doubted = true
}

func (t *Timeline) drop(id int) {
	t.expected = slices.DeleteFunc(t.expected, func(e expectation) bool { return e.id == id })
}

// earliest returns when the dub of a unit
// could begin if its speech existed now.
func (t *Timeline) earliest(now time.Duration, p inference.Phrase) time.Duration {
	return max(p.Start+t.cfg.Delay, now+t.cfg.Freeze, t.lastEnd, t.kept[p.ID])
}

// Keep has the dub of a phrase start at output time at, where it stood on another
// plan, or as soon as it can.
func (t *Timeline) Keep(id int, at time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		t.kept = map[int]time.Duration{}
	}
	t.kept[id] = at
}

// After has no dub start before output time end.
func (t *Timeline) After(end time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastEnd = max(t.lastEnd, end)
}

// Room returns how long the dub of p should last if its speech existed now, so
// that a delay is caught up and not passed on, and whether that is not enough:
// then its pauses are to be shortened too. At half of the phrase's own length it
// ends: voices speak no faster.
func (t *Timeline) Room(now time.Duration, p inference.Phrase) (fit time.Duration, tight bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own, start, due := p.End-p.Start, t.earliest(now, p), p.Start+t.cfg.Delay
	if t.cfg.DuckUnits { // it ends where the speaker ends
		fit = p.End + t.cfg.Delay - start
	} else { // what it has waited for the dub before it is made good
		fit = own - (start - max(due, now+t.cfg.Freeze))
	}
	return max(fit, own/2), start-due > t.cfg.MaxLate/2
}

// Place puts a spoken phrase on the timeline for good. sound is mono at Rate
// and kept. It fails with ErrTooLate or ErrDumped, and then the phrase is not played.
func (t *Timeline) Place(now time.Duration, p inference.Phrase, sound []int16, marks []inference.Mark) (Placement, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(p.ID)
	if p.Start < t.dumped {
		return Placement{}, ErrDumped
	}
	if start, due := t.earliest(now, p), p.Start+t.cfg.Delay; start-due > t.cfg.MaxLate {
		t.doubted = true
		return Placement{}, ErrTooLate
	}
	return t.place(now, p, sound, marks), nil
}

// Grow puts the next part of the phrase that was placed last behind it: at
// once, or, if it came too late for that, as soon as it can. It fails with ErrDumped.
func (t *Timeline) Grow(now time.Duration, p inference.Phrase, sound []int16, marks []inference.Mark) (Placement, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.Start < t.dumped {
		return Placement{}, ErrDumped
	}
	return t.place(now, p, sound, marks), nil
}

func (t *Timeline) place(now time.Duration, p inference.Phrase, sound []int16, marks []inference.Mark) Placement {
	start := t.earliest(now, p)
	delete(t.kept, p.ID)
	pl := Placement{
		Phrase: p, Start: start, Late: start - p.Start - t.cfg.Delay, known: now,
		End:   start + media.SamplesToTime(len(sound), Rate),
		sound: sound, marks: marks,
	}
	t.doubted = false
	t.placed = append(t.placed, pl)
	t.lastEnd = pl.End
	return pl
}

// End returns when the last placed dub ends, 0 without any.
func (t *Timeline) End() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lastEnd
}

// Forget frees what lies wholly before output time o, a while after nobody can ask for it.
func (t *Timeline) Forget(o time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.muted) > 0 && t.muted[0].end+t.cfg.Delay < o {
		t.muted = t.muted[1:]
	}
	n := 0
	for n < len(t.placed) && max(t.placed[n].End, t.placed[n].Phrase.End+t.cfg.Delay)+2*maxGap < o {
		n++
	}
	if n == 0 {
		return // as at nearly every block of sound
	}
	t.placed = append(t.placed[:0:0], t.placed[n:]...)
}
