package recording

import (
	"fmt"
	"testing"
	"time"
)

const (
	ms = time.Millisecond
	s  = time.Second
)

// whole returns a take of whole segments.
func whole(name string, ns ...int64) Take {
	t := Take{Name: name}
	for _, n := range ns {
		t.Segments = append(t.Segments, Segment{N: n, At: time.Duration(n) * SegmentLength, Duration: SegmentLength, Whole: true})
	}
	return t
}

// part returns a segment that has some of its time only.
func part(at, duration time.Duration) Segment {
	return Segment{N: int64(at / SegmentLength), At: at, Duration: duration}
}

func TestClock(t *testing.T) {
	late := whole("b", 6, 7)
	late.Segments = append([]Segment{part(21500*ms, 2500*ms)}, late.Segments...)
	for name, c := range map[string]struct {
		takes []Take
		want  string // recording time of output times 0, 5, 12, 21, 22, 26, 40 s; - before one that was not recorded
		long  time.Duration
	}{
		"nothing":               {nil, "-0s -0s -0s -0s -0s -0s -0s", 0},
		"one take":              {[]Take{whole("a", 1, 2, 3)}, "-0s 1s 8s -12s -12s -12s -12s", 12 * s},
		"a hole":                {[]Take{whole("a", 0, 1, 5, 6)}, "0s 5s -8s 9s 10s 14s -16s", 16 * s},
		"another fills it":      {[]Take{whole("a", 0, 1, 5, 6), whole("c", 2, 3, 4)}, "0s 5s 12s 21s 22s 26s -28s", 28 * s},
		"twice is once":         {[]Take{whole("a", 1, 2), whole("b", 2, 3)}, "-0s 1s 8s -12s -12s -12s -12s", 12 * s},
		"begins in a part":      {[]Take{whole("a", 1), late}, "-0s 1s -4s -4s 4.5s 8.5s -14.5s", 14500 * ms},
		"another has more":      {[]Take{late, {Segments: []Segment{part(20500*ms, 1*s)}}}, "-0s -0s -0s 500ms 1.5s 5.5s -11.5s", 11500 * ms},
		"a part of nothing":     {[]Take{{Segments: []Segment{part(20*s, 0), part(24*s, -3*s)}}}, "-0s -0s -0s -0s -0s -0s -0s", 0},
		"frames that are short": {[]Take{{Segments: []Segment{part(20*s, 3960*ms), part(24*s, 2*s)}}}, "-0s -0s -0s 1s 2s -6s -6s", 6 * s},
		"more than its time":    {[]Take{{Segments: []Segment{part(20*s, 90*s)}}}, "-0s -0s -0s 1s 2s -4s -4s", 4 * s},
	} {
		t.Run(name, func(t *testing.T) {
			clock := NewClock(0, c.takes)
			got := ""
			for _, at := range []time.Duration{0, 5 * s, 12 * s, 21 * s, 22 * s, 26 * s, 40 * s} {
				rec, ok := clock.FromOutput(at)
				sign := "-"
				if ok {
					sign = ""
					if back := clock.ToOutput(rec); back != at {
						t.Errorf("%s is %s, and that %s", at, rec, back)
					}
				}
				got += fmt.Sprintf(" %s%s", sign, rec)
			}
			if got[1:] != c.want || clock.Duration() != c.long {
				t.Errorf("%s, %s long\nwant %s, %s", got[1:], clock.Duration(), c.want, c.long)
			}
		})
	}
}

// TestClockOfTheSource: what was said is heard the delay later.
func TestClockOfTheSource(t *testing.T) {
	c := NewClock(4*s, []Take{whole("a", 1, 2, 5)}) // 4 to 12 and 20 to 24 s of output: 0 to 8 and 16 to 20 s of source
	for _, w := range []struct{ from, to, start, end time.Duration }{
		{1 * s, 2 * s, 1 * s, 2 * s}, {7 * s, 17 * s, 7 * s, 9 * s}, {-2 * s, 1 * s, 0, 1 * s}, {18 * s, 30 * s, 10 * s, 12 * s},
	} {
		if start, end, ok := c.Part(w.from, w.to); start != w.start || end != w.end || !ok {
			t.Errorf("%s to %s: %s to %s, %v", w.from, w.to, start, end, ok)
		}
	}
	for _, w := range [][2]time.Duration{{9 * s, 15 * s}, {-5 * s, 0}, {20 * s, 30 * s}, {5 * s, 5 * s}} {
		if start, end, ok := c.Part(w[0], w[1]); ok {
			t.Errorf("%v, which was not recorded: %s to %s", w, start, end)
		}
	}
	for rec, want := range map[time.Duration]time.Duration{-1 * s: 0, 0: 0, 3 * s: 3 * s, 8 * s: 16 * s, 12 * s: 20 * s, 99 * s: 20 * s} {
		if got := c.ToSource(rec); got != want {
			t.Errorf("%s of the recording is %s of the source, want %s", rec, got, want)
		}
	}
}
