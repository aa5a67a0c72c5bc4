package timeline

import (
	"errors"
	"slices"
	"time"

	"livedub/media"
)

// ErrDumped is returned for a dub of words that nobody is to hear anymore.
var ErrDumped = errors.New("it was dumped before it was heard")

// Background is what becomes of the original under a dub.
type Background string

const (
	Duck    Background = "duck"    // at Config.Gain over a dubbed stretch, in full before and after it
	Replace Background = "replace" // silent over a dubbed stretch, which is where Duck ducks, in full before and after it
	Bed     Background = "bed"     // at Config.Gain all the time
)

// Levels is how loud a dub and the original under it are.
type Levels struct {
	// Muted has the original sound as if nothing were dubbed; the plan goes on.
	Muted    bool
	Gain     float64 // factor of the dub's voice
	Original Background
}

// SetLevels changes the levels from the next block of sound on, by a ramp.
func (t *Timeline) SetLevels(l Levels) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.levels = l
}

// Dump takes off the plan every dub of a phrase that was begun before source time to,
// also the rest of one that sounds already, and has none of them come later. It returns
// the phrases' IDs.
func (t *Timeline) Dump(to time.Duration) (ids []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dumped = max(t.dumped, to)
	t.placed = slices.DeleteFunc(t.placed, func(p Placement) bool {
		if p.Phrase.Start < to && p.End > to { // output time to is now
			ids = append(ids, p.Phrase.ID)
		}
		return p.Phrase.Start < to && p.End > to
	})
	t.expected = slices.DeleteFunc(t.expected, func(e expectation) bool {
		if e.start < to {
			ids = append(ids, e.id)
		}
		return e.start < to
	})
	t.lastEnd = min(t.lastEnd, to)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Undo takes back what is expected of phrases that have not ended.
func (t *Timeline) Undo() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected = slices.DeleteFunc(t.expected, func(e expectation) bool { return !e.final })
}

// mix is Mix; the caller has the lock.
func (t *Timeline) mix(o time.Duration, block []int16, channels int) {
	n := len(block) / channels
	for i := 0; i < n; i += step {
		at := o + time.Duration(i)*time.Second/Rate
		t.fade(block[i*channels:min(i+step, n)*channels], channels, t.target(at))
	}
	from, to := t.voiced, t.levels.Gain
	if t.levels.Muted {
		to = 0
	}
	t.voiced = to
	if from == 0 && to == 0 {
		return
	}
	for i := range t.placed {
		if p := &t.placed[i]; p.known <= o {
			add(block, channels, p.sound, media.TimeToSamples(p.Start, Rate)-media.TimeToSamples(o, Rate), from, to)
		}
	}
}

// target is what the original's gain moves to at output time o.
func (t *Timeline) target(o time.Duration) float64 {
	ducked := t.ducked(o)
	switch {
	case t.levels.Original == Bed && !t.levels.Muted:
		return t.cfg.Gain
	case ducked:
		return t.low()
	}
	return 1
}

// low is the original's gain while it is ducked.
func (t *Timeline) low() float64 {
	if t.levels.Original == Replace {
		return 0
	}
	return t.cfg.Gain
}

// fade applies the envelope to one step of sound, moving it towards the target.
func (t *Timeline) fade(part []int16, channels int, target float64) {
	if target == 1 && t.envelope == 1 {
		return
	}
	full := 1 - t.low()
	if full == 0 {
		full = 1
	}
	for i := 0; i < len(part); i += channels {
		if t.envelope > target {
			t.envelope = max(target, t.envelope-full/(attack.Seconds()*Rate))
		} else {
			t.envelope = min(target, t.envelope+full/(release.Seconds()*Rate))
		}
		for c := range channels {
			part[i+c] = int16(float64(part[i+c]) * t.envelope)
		}
	}
}

// add mixes a mono voice into every channel of block, its first sample at index at,
// by a factor that goes from one value to another over the block.
func add(block []int16, channels int, voice []int16, at int, from, to float64) {
	n := len(block) / channels
	for i := max(0, at); i < n && i-at < len(voice); i++ {
		v := float64(voice[i-at]) * (from + (to-from)*float64(i)/float64(n))
		for c := range channels {
			block[i*channels+c] = int16(min(max(float64(block[i*channels+c])+v, -32768), 32767))
		}
	}
}
