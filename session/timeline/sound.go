package timeline

import (
	"time"

	"livedub/inference"
	"livedub/media"
)

// step is how finely the gain of the original is decided, in samples at Rate (1 ms).
const step = Rate / 1000

// Mix makes the dub's sound in place: block holds the original's PCM at Rate,
// interleaved, for the output times from o on; afterwards it holds the original
// at its planned gain with the dub over it. Blocks must come in order of time.
func (t *Timeline) Mix(o time.Duration, block []int16, channels int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mix(o, block, channels)
}

// Voice fills pcm, mono at Rate, with the dub alone from output time o on, by what
// was known at now, as far as whose tells that it is who's; nil: all of it. What has
// been forgotten is silence.
func (t *Timeline) Voice(now, o time.Duration, pcm []int16, who inference.Person, whose func(inference.Phrase) inference.Person) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(pcm)
	length := media.SamplesToTime(len(pcm), Rate)
	for i := range t.placed {
		p := &t.placed[i]
		if p.known > now || p.End <= o || p.Start >= o+length || whose != nil && whose(p.Phrase) != who {
			continue
		}
		add(pcm, 1, p.sound, media.TimeToSamples(p.Start, Rate)-media.TimeToSamples(o, Rate), 1, 1)
	}
}

// ducked tells whether the original is, or is on its way to be, quiet at output
// time o: the attack ends where the span starts.
func (t *Timeline) ducked(o time.Duration) bool {
	for _, m := range t.muted {
		if s := o - t.cfg.Delay; m.start-attack <= s && s < m.end {
			return true
		}
	}
	if t.levels.Muted {
		return false
	}
	if !t.cfg.DuckUnits {
		for i := range t.placed {
			if p := &t.placed[i]; p.known <= o && p.Start-attack <= o && o < p.End {
				return true
			}
		}
		return false
	}
	s := o - t.cfg.Delay
	var before, after bool // a dubbed unit ended, or starts, within reach of a short gap
	var ended, starts time.Duration
	see := func(start, end time.Duration) bool {
		if start-attack <= s && s < end {
			return true
		}
		if end <= s && (!before || end > ended) {
			before, ended = true, end
		}
		if start > s && (!after || start < starts) {
			after, starts = true, start
		}
		return false
	}
	for i := range t.placed {
		if p := &t.placed[i]; p.known <= o && see(p.Phrase.Start, p.Phrase.End) {
			return true
		}
	}
	for _, e := range t.expectations(s) {
		if e.known <= o && see(e.start, e.end) {
			return true
		}
	}
	return before && after && starts-ended < maxGap
}

// expectations returns the units whose dubs may be counted on at source time s:
// none while one is overdue, or where the last one came to nothing, as of an
// engine that is dead.
func (t *Timeline) expectations(s time.Duration) []expectation {
	if t.doubted {
		return nil
	}
	n := len(t.expected)
	for i, e := range t.expected {
		switch late := s-e.start > overdue; {
		case late && e.final:
			return nil
		case late: // a guess: there is one at most, the last
			n = i
		}
	}
	return t.expected[:n]
}
