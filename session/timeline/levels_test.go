package timeline

import (
	"fmt"
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// The two voices of these tests are tones that 100 ms hold whole periods of, so that
// each is measured without the other.
const (
	speakerHz, dubHz = 440, 1000
	speakerAmp       = 9000
	dubAmp           = 1500 // by 12 dB more it does not clip over the other
)

func wave(hz, amp float64, from, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(amp * math.Sin(2*math.Pi*hz*float64(from+i)/Rate)))
	}
	return out
}

// heard is the amplitude of a tone in 100 ms of stereo sound from output time at on, in
// dB of amp; -100 where there is nothing, and where its channels differ the test fails.
func heard(t *testing.T, pcm []int16, hz, amp float64, at time.Duration) float64 {
	t.Helper()
	var re, im float64
	n := Rate / 10
	for i := range n {
		k := media.TimeToSamples(at, Rate) + i
		if pcm[2*k] != pcm[2*k+1] {
			t.Fatalf("the channels differ at %v", at)
		}
		a := 2 * math.Pi * hz * float64(k) / Rate
		re += float64(pcm[2*k]) * math.Cos(a)
		im += float64(pcm[2*k]) * math.Sin(a)
	}
	return max(-100, 20*math.Log10(2*math.Hypot(re, im)/float64(n)/amp+1e-9))
}

// spoken has a speaker's tone last for 12 s, of which 2 to 4 s are a phrase that is dubbed
// at D = 1 s by a tone as long, and returns what listeners hear. change is called before
// each block of 20 ms.
func spoken(t *testing.T, units bool, change func(*Timeline, time.Duration)) []int16 {
	t.Helper()
	tl := New(Config{Delay: time.Second, Freeze: 200 * time.Millisecond, MaxLate: time.Second, DuckUnits: units, Gain: .15})
	p := inference.Phrase{ID: 1, Start: 2 * time.Second, End: 4 * time.Second}
	if _, err := tl.Place(0, p, wave(dubHz, dubAmp, 0, 2*Rate), nil); err != nil {
		t.Fatal(err)
	}
	var out []int16
	for o := time.Duration(0); o < 12*time.Second; o += 20 * time.Millisecond {
		change(tl, o)
		var block []int16
		for _, v := range wave(speakerHz, speakerAmp, media.TimeToSamples(o, Rate), Rate/50) {
			block = append(block, v, v)
		}
		tl.Mix(o, block, 2)
		out = append(out, block...)
	}
	return out
}

const unheard = -60 // dB and less: rounding to 16 bits

// TestControlsBySound measures what listeners hear before, while and after a dub sounds,
// by every control of levels.
func TestControlsBySound(t *testing.T) {
	ducked := 20 * math.Log10(.15)
	type want struct{ before, under, after, dub float64 } // dB: of the original; of the dub
	for _, tt := range []struct {
		name string
		is   Levels
		want want
	}{
		{"ducked", Levels{Gain: 1, Original: Duck}, want{0, ducked, 0, 0}},
		{"replaced", Levels{Gain: 1, Original: Replace}, want{0, unheard, 0, 0}},
		{"bed", Levels{Gain: 1, Original: Bed}, want{ducked, ducked, ducked, 0}},
		{"muted", Levels{Gain: 1, Original: Duck, Muted: true}, want{0, 0, 0, unheard}},
		{"muted over a bed", Levels{Gain: 1, Original: Bed, Muted: true}, want{0, 0, 0, unheard}},
		{"muted where it replaces", Levels{Gain: 1, Original: Replace, Muted: true}, want{0, 0, 0, unheard}},
		{"12 dB louder", Levels{Gain: math.Pow(10, 12./20), Original: Duck}, want{0, ducked, 0, 12}},
		{"20 dB softer", Levels{Gain: .1, Original: Replace}, want{0, unheard, 0, -20}},
		{"6 dB softer over a bed", Levels{Gain: math.Pow(10, -6./20), Original: Bed}, want{ducked, ducked, ducked, -6}},
	} {
		for _, units := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, units %v", tt.name, units), func(t *testing.T) {
				pcm := spoken(t, units, func(tl *Timeline, o time.Duration) {
					if o == 0 {
						tl.SetLevels(tt.is)
					}
				})
				for _, m := range []struct {
					what    string
					hz, amp float64
					from    time.Duration
					to      time.Duration
					want    float64
				}{
					{"the original before", speakerHz, speakerAmp, time.Second, 2800 * time.Millisecond, tt.want.before},
					{"the original under the dub", speakerHz, speakerAmp, 3100 * time.Millisecond, 4800 * time.Millisecond, tt.want.under},
					{"the original after", speakerHz, speakerAmp, 5300 * time.Millisecond, 9 * time.Second, tt.want.after},
					{"the dub", dubHz, dubAmp, 3100 * time.Millisecond, 4800 * time.Millisecond, tt.want.dub},
				} {
					for at := m.from; at <= m.to; at += 100 * time.Millisecond {
						got := heard(t, pcm, m.hz, m.amp, at)
						if m.want == unheard && got > unheard || m.want != unheard && math.Abs(got-m.want) > .2 {
							t.Fatalf("%s is at %.1f dB at %v, want %.1f", m.what, got, at, m.want)
						}
					}
				}
				for _, at := range []time.Duration{2800 * time.Millisecond, 5300 * time.Millisecond} {
					if got := heard(t, pcm, dubHz, dubAmp, at); got > unheard {
						t.Errorf("the dub is at %.1f dB at %v", got, at)
					}
				}
			})
		}
	}
}

// TestControlsChangeWithinAPhrase: what is changed while a dub sounds is heard with the
// next block, by a ramp, and can be taken back.
func TestControlsChangeWithinAPhrase(t *testing.T) {
	pcm := spoken(t, true, func(tl *Timeline, o time.Duration) {
		switch o {
		case 3400 * time.Millisecond:
			tl.SetLevels(Levels{Gain: 1, Original: Duck, Muted: true})
		case 3800 * time.Millisecond:
			tl.SetLevels(Levels{Gain: 2, Original: Replace})
		case 4400 * time.Millisecond:
			tl.SetLevels(Levels{Gain: 1, Original: Duck})
		}
	})
	for _, m := range []struct {
		at            time.Duration
		original, dub float64
	}{
		{3200 * time.Millisecond, 20 * math.Log10(.15), 0},
		{3680 * time.Millisecond, 0, unheard}, // 200 ms and more after it was muted
		{4100 * time.Millisecond, unheard, 20 * math.Log10(2)},
		{4700 * time.Millisecond, 20 * math.Log10(.15), 0},
	} {
		for what, got := range map[float64]float64{
			m.original: heard(t, pcm, speakerHz, speakerAmp, m.at), m.dub: heard(t, pcm, dubHz, dubAmp, m.at),
		} {
			if what == unheard && got > unheard || what != unheard && math.Abs(got-what) > .2 {
				t.Errorf("at %v something is at %.1f dB, want %.1f", m.at, got, what)
			}
		}
	}
	most := 0.
	for i := 2; i < len(pcm); i += 2 {
		most = max(most, math.Abs(float64(pcm[i])-float64(pcm[i-2])))
	}
	if steepest := 2 * math.Pi * (speakerHz*speakerAmp + 2*dubHz*dubAmp) / Rate; most > 1.1*steepest {
		t.Errorf("two samples are %.0f apart, of tones that rise by %.0f: it clicks", most, steepest)
	}
}
