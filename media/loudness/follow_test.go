package loudness_test

import (
	"math"
	"testing"

	"livedub/media/loudness"
)

// TestFollows: a speaker who turns up by 30 dB, and down again, is at the target again
// within the times that docs/OPERATIONS.md promises.
func TestFollows(t *testing.T) {
	l := open(t, loudness.Config{Target: -16, Rate: rate, Channels: 1})
	until := func(what string, tone float64, most int) {
		t.Helper()
		f := sine(997, tone)
		for i := range 2 * most {
			level(t, l, seconds(.5, f), 1)
			if math.Abs(l.State().ShortTerm+16) < 1 {
				t.Logf("%s: at its target after %.1f s", what, float64(i+1)/2)
				return
			}
		}
		t.Errorf("%s: %.1f LUFS after %d s", what, l.State().ShortTerm, most)
	}
	until("a faint beginning", -37, 8) // a sine is 3 LU less than its peak
	level(t, l, seconds(30, sine(997, -37)), 1)
	level(t, l, seconds(3, sine(997, -7)), 1) // until all of the short term is of it
	if got := l.State().ShortTerm; got < -14 {
		t.Errorf("30 dB up are at %.1f LUFS after 3 s", got)
	}
	until("30 dB up, but for 3 s", -7, 10)
	level(t, l, seconds(30, sine(997, -7)), 1)
	level(t, l, seconds(4, sine(997, -37)), 1)
	if got := l.State().ShortTerm; got > -40 {
		t.Errorf("30 dB down are at %.1f LUFS after 4 s", got)
	}
	until("30 dB down, but for 4 s", -37, 46)
}
