package recognize

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"livedub/media/listen"
)

func tone(d time.Duration, f func(sec float64) float64) []int16 {
	out := silence(d)
	for i := range out {
		out[i] = int16(32767 * max(-1, min(1, f(float64(i)/sampleRate))))
	}
	return out
}

func sine(hz, sec float64) float64 { return math.Sin(2 * math.Pi * hz * sec) }

func TestNoiseIsNotSpeech(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for name, sound := range map[string][]int16{
		"silence":     silence(3 * time.Second),
		"offset":      tone(3*time.Second, func(float64) float64 { return .5 }),
		"white noise": tone(3*time.Second, func(float64) float64 { return r.NormFloat64() * .05 }),
		"loud noise":  tone(3*time.Second, func(float64) float64 { return r.NormFloat64() * .3 }),
		"hum":         tone(3*time.Second, func(s float64) float64 { return .2*sine(50, s) + .1*sine(150, s) + .05*sine(250, s) }),
		"sine":        tone(3*time.Second, func(s float64) float64 { return .3 * sine(1000, s) }),
		"melody": tone(3*time.Second, func(s float64) float64 {
			note := []float64{262, 330, 392, 523, 440, 349}[int(s*4)%6]
			in := math.Mod(s, .25)
			return .4 * math.Exp(-6*in) * (sine(note, s) + .5*sine(2*note, s) + .25*sine(3*note, s)) / 1.75
		}),
		"chord": tone(3*time.Second, func(s float64) float64 { return .15 * (sine(220, s) + sine(277, s) + sine(330, s)) }),
		"clicks": tone(3*time.Second, func(s float64) float64 {
			if math.Mod(s, .3) < .002 {
				return .8
			}
			return 0
		}),
	} {
		for _, db := range []float64{20, 45} { // quieter, and raised as a session does
			t.Run(fmt.Sprintf("%s, %g dB less", name, db), func(t *testing.T) {
				var g listen.Gain
				pcm := raised(&g, quieter(join(silence(500*time.Millisecond), sound, silence(500*time.Millisecond)), db, -96), 320)
				for _, p := range hear(t, open(t), 0, pcm, 320) {
					t.Errorf("heard %q at %v..%v", p.Text, p.Start, p.End)
				}
			})
		}
		t.Run(name, func(t *testing.T) {
			for _, p := range hear(t, open(t), 0, join(silence(500*time.Millisecond), sound, silence(500*time.Millisecond)), 320) {
				t.Errorf("heard %q at %v..%v pitch %v", p.Text, p.Start, p.End, p.Pitch)
			}
		})
	}
}
