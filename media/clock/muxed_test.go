package clock

import (
	"math/rand/v2"
	"testing"
	"time"
)

const (
	sound = 1
	frame = 2
)

// muxer sends a frame each 40 ms and sound each 20 ms, by timestamps of 1/1000 s.
type muxer struct {
	*testing.T
	m     *Muxed
	base  uint32                // timestamp of stream time zero
	late  func() time.Duration  // of each arrival
	last  map[int]time.Duration // session time
	jumps int
}

func newMuxer(t *testing.T, base uint32) *muxer {
	return &muxer{T: t, m: NewMuxed(1000), base: base, late: func() time.Duration { return 0 }, last: map[int]time.Duration{}}
}

// run sends stream times from..to, of which `from` is live at session time at, and
// returns the last frame's session time less its stream time.
func (x *muxer) run(from, to, at time.Duration) (offset time.Duration) {
	x.Helper()
	for t := from; t < to; t += 20 * time.Millisecond {
		arrives := at + t - from + x.late()
		for _, track := range []int{frame, sound} {
			if track == frame && t%(40*time.Millisecond) != 0 {
				continue
			}
			got, jumped := x.m.Map(track, x.base+uint32(t/time.Millisecond), arrives)
			if jumped {
				x.jumps++
			}
			if last, ok := x.last[track]; ok && got < last && !jumped {
				x.Errorf("track %d at %v: %v after %v", track, t, got, last)
			}
			x.last[track], offset = got, got-t
		}
	}
	return offset
}

func (x *muxer) near(what string, got, want, within time.Duration) {
	x.Helper()
	if (got - want).Abs() > within {
		x.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestMuxedWraps: timestamps that pass 2^32 go on.
func TestMuxedWraps(t *testing.T) {
	x := newMuxer(t, 1<<32-5000)
	x.near("offset", x.run(0, 20*time.Second, time.Second), time.Second, time.Millisecond)
	if x.jumps != 0 {
		t.Errorf("%d jumps", x.jumps)
	}
}

// TestMuxedByTheStream: arrivals shake, and times do not.
func TestMuxedByTheStream(t *testing.T) {
	x := newMuxer(t, 77)
	rnd := rand.New(rand.NewPCG(1, 2))
	x.late = func() time.Duration { return time.Duration(rnd.IntN(100)) * time.Millisecond }
	x.run(0, 3*time.Second, time.Second)
	a := x.run(3*time.Second, 4*time.Second, 4*time.Second)
	b := x.run(4*time.Second, 30*time.Second, 5*time.Second)
	x.near("offset", b, a, 30*time.Millisecond)
	x.near("offset", b, time.Second, 20*time.Millisecond)
	// A stall of 2 s, after which all comes at once: nothing is anchored anew.
	x.late = func() time.Duration { return 2 * time.Second }
	c := x.run(30*time.Second, 31*time.Second, 31*time.Second)
	x.late = func() time.Duration { return 0 }
	x.near("offset after a stall", c, b, 10*time.Millisecond)
	if x.jumps != 0 {
		t.Errorf("%d jumps", x.jumps)
	}
}

// TestMuxedDrifts: a sender's clock that is fast by 500 ppm is followed.
func TestMuxedDrifts(t *testing.T) {
	m, worst := NewMuxed(90000), time.Duration(0)
	for at := time.Duration(0); at < 10*time.Minute; at += 40 * time.Millisecond {
		ts := at + at/2000
		got, jumped := m.Map(frame, uint32(ts*9/100_000), at)
		if jumped {
			t.Fatalf("a jump at %v", at)
		}
		if early := m.Early(frame, uint32(ts*9/100_000), at); early > 0 {
			t.Fatalf("held for %v at %v", early, at)
		}
		worst = max(worst, (got - at).Abs())
	}
	if worst > 40*time.Millisecond {
		t.Errorf("off by %v", worst)
	}
}

// TestMuxedRestarts: an encoder that begins again at zero, or jumps ahead, is anchored
// anew, and what its other track still sends by the old times keeps them.
func TestMuxedRestarts(t *testing.T) {
	for name, to := range map[string]time.Duration{"restart": 0, "ahead": time.Hour, "back": 95 * time.Second} {
		t.Run(name, func(t *testing.T) {
			x := newMuxer(t, 0)
			x.run(100*time.Second, 105*time.Second, time.Second)
			at := 6 * time.Second
			got, jumped := x.m.Map(frame, uint32(to/time.Millisecond), at)
			if !jumped || got != at {
				t.Errorf("jumped %v to %v", jumped, got)
			}
			old, jumped := x.m.Map(sound, 105_000, at)
			if jumped {
				t.Error("the old times jumped")
			}
			x.near("sound of before", old, 6*time.Second, 30*time.Millisecond)
			x.last = map[int]time.Duration{}
			x.near("offset", x.run(to, to+10*time.Second, at), at-to, 5*time.Millisecond)
			if x.jumps != 0 {
				t.Errorf("%d more jumps", x.jumps)
			}
		})
	}
}

// TestMuxedPauses: times that go on as much as the pause lasted are no jump.
func TestMuxedPauses(t *testing.T) {
	x := newMuxer(t, 0)
	x.run(0, 2*time.Second, 0)
	x.near("offset", x.run(62*time.Second, 64*time.Second, 62*time.Second), 0, 5*time.Millisecond)
	if x.jumps != 0 {
		t.Errorf("%d jumps", x.jumps)
	}
}

// TestMuxedHandsOver: 4 s that come at once at the beginning lie before the present,
// also where they were held.
func TestMuxedHandsOver(t *testing.T) {
	x := newMuxer(t, 0)
	var held []Arrival
	for ts := range uint32(100) {
		held = append(held, Arrival{frame, ts * 40, time.Second}, Arrival{sound, ts * 40, time.Second})
	}
	x.m.Anchor(held)
	first, _ := x.m.Map(frame, 0, time.Second)
	x.near("the first", first, time.Second-99*40*time.Millisecond, 0)
	last, jumped := x.m.Map(frame, 99*40, time.Second)
	if last != time.Second || jumped {
		t.Errorf("the last: %v, %v", last, jumped)
	}
	x.near("offset", x.run(4*time.Second, 10*time.Second, time.Second+40*time.Millisecond), -2960*time.Millisecond, 5*time.Millisecond)

	y := newMuxer(t, 0) // and where they were not
	for ts := range uint32(100) {
		y.m.Map(frame, ts*40, time.Second)
	}
	y.near("offset", y.run(4*time.Second, 10*time.Second, time.Second+40*time.Millisecond), -2960*time.Millisecond, 5*time.Millisecond)
}

// TestMuxedHurries: who sends faster than time passes is told to wait, for as long as that is.
func TestMuxedHurries(t *testing.T) {
	m, at := NewMuxed(1000), time.Duration(0)
	for ts := uint32(0); ts < 60_000; ts += 40 {
		at += m.Early(frame, ts, at)
		got, jumped := m.Map(frame, ts, at)
		if jumped {
			t.Fatalf("a jump at %d", ts)
		}
		if d := got - at; d > 250*time.Millisecond {
			t.Fatalf("%d is %v early", ts, d)
		}
	}
	if at < 50*time.Second || at > 56*time.Second {
		t.Errorf("60 s have taken %v", at)
	}
}

func FuzzMuxed(f *testing.F) {
	f.Add([]byte{0, 0, 0, 40, 1, 2, 200, 100, 9, 255})
	f.Add([]byte("0100A\x7f00000\x15\x15\x15\x15\x15\x15\x150\x1400000000000\x00\x00\x00\x01\x00\x01")) // tracks apart
	f.Fuzz(func(t *testing.T, steps []byte) {
		m, at, ts := NewMuxed(1000), time.Duration(0), uint32(0)
		for i, s := range steps {
			ts += uint32(int32(int8(s))) << (uint(i) % 25)
			at += time.Duration(s%7) * 30 * time.Millisecond
			wait := m.Early(i%3, ts, at)
			if wait < 0 || wait > mostApart {
				t.Fatalf("wait for %v", wait)
			}
			got, jumped := m.Map(i%3, ts, at+wait)
			if d := got - at; d > 2*mostApart+mostKept || jumped && d.Abs() > 2*mostApart {
				t.Fatalf("%v at %v", got, at)
			}
		}
	})
}
