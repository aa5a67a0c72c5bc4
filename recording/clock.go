package recording

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// touch is how far apart two spans may be and still be one: the last frame of a
// segment ends on another frame's grid than the sound does.
const touch = 100 * time.Millisecond

// span is a part of the output clock, from at to end.
type span struct{ at, end time.Duration }

// Clock leads between a session's clocks and recording time, which begins at 0 and has
// no holes: what no language has of the output clock is left out. All languages of a
// recording have one Clock, so that they can be switched without a jump. The zero Clock
// is that of an empty recording.
type Clock struct {
	delay time.Duration // source time to output time
	spans []span        // of the output clock that was recorded, in order, apart from each other
	began []time.Duration
}

// NewClock returns the clock of a recording, whose session has that delay, from the
// takes of all its languages.
func NewClock(delay time.Duration, takes []Take) Clock {
	var all []span
	for _, t := range takes {
		for _, s := range t.Segments {
			if p := s.span(); p.end > p.at {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	c := Clock{delay: delay}
	for _, p := range all {
		if n := len(c.spans); n > 0 && p.at <= c.spans[n-1].end+touch {
			c.spans[n-1].end = max(c.spans[n-1].end, p.end)
			continue
		}
		c.spans = append(c.spans, p)
	}
	var sum time.Duration
	for _, p := range c.spans {
		c.began = append(c.began, sum)
		sum += p.end - p.at
	}
	return c
}

// span returns what of the output clock a segment has: a whole one all of its time,
// another what is in it.
func (s Segment) span() span {
	grid := span{time.Duration(s.N) * SegmentLength, time.Duration(s.N+1) * SegmentLength}
	if s.Whole {
		return grid
	}
	at := min(max(s.At, grid.at), grid.end)
	return span{at, min(at+max(0, s.Duration), grid.end)}
}

// Duration returns the length of the recording.
func (c Clock) Duration() time.Duration {
	n := len(c.spans)
	if n == 0 {
		return 0
	}
	return c.began[n-1] + c.spans[n-1].end - c.spans[n-1].at
}

// FromOutput returns the recording time of an output time; where that was not recorded,
// of what was recorded next, or of the end, and false.
func (c Clock) FromOutput(at time.Duration) (t time.Duration, recorded bool) {
	i := sort.Search(len(c.spans), func(i int) bool { return c.spans[i].end > at })
	switch {
	case i == len(c.spans):
		return c.Duration(), false
	case at < c.spans[i].at:
		return c.began[i], false
	}
	return c.began[i] + at - c.spans[i].at, true
}

// FromSource is FromOutput for a time of the source.
func (c Clock) FromSource(at time.Duration) (t time.Duration, recorded bool) {
	return c.FromOutput(at + c.delay)
}

// ToOutput returns the output time of a recording time; one before or beyond the
// recording has that of its begin or end.
func (c Clock) ToOutput(t time.Duration) time.Duration {
	if len(c.spans) == 0 {
		return 0
	}
	t = max(t, 0)
	i := max(0, sort.Search(len(c.began), func(i int) bool { return c.began[i] > t })-1)
	return min(c.spans[i].at+t-c.began[i], c.spans[i].end)
}

// ToSource is ToOutput for the time of the source.
func (c Clock) ToSource(t time.Duration) time.Duration { return c.ToOutput(t) - c.delay }

// Part returns what of a stretch of source time was recorded, in recording time; false
// where none of it was. What lies in a hole of the recording is not in it, so that a
// phrase that spans one is shorter there.
func (c Clock) Part(from, to time.Duration) (start, end time.Duration, ok bool) {
	start, _ = c.FromSource(from)
	end, _ = c.FromSource(to)
	return start, end, end > start
}
