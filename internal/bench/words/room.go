package words

import (
	"math"
	"math/rand/v2"
)

const (
	roomTaps   = 80            // reflections
	roomLength = lowRate / 3   // the last of them, in samples
	roomDecay  = lowRate / 3.5 // by 60 dB, in samples: a furnished room
	roomShare  = .3            // of the energy comes by reflections: a speaker at half a metre
	roomNoise  = 15            // dB below speech: a fan, a street behind the window
)

// room returns sound as a microphone half a metre away hears it in a room:
// with reflections and a low noise. The same sound gives the same result.
func room(pcm []int16) []int16 {
	random := rand.New(rand.NewPCG(uint64(len(pcm)), 7))
	type tap struct {
		delay int
		gain  float64
	}
	taps := make([]tap, roomTaps)
	var energy float64
	for i := range taps {
		delay := 1 + random.IntN(roomLength)
		gain := random.NormFloat64() * math.Pow(10, -3*float64(delay)/roomDecay)
		taps[i], energy = tap{delay, gain}, energy+gain*gain
	}
	scale := math.Sqrt(roomShare / (1 - roomShare) / energy)
	out := make([]float64, len(pcm))
	var power float64
	voiced := 0
	for i, v := range pcm {
		out[i] += float64(v)
		for _, t := range taps {
			if j := i + t.delay; j < len(out) {
				out[j] += float64(v) * t.gain * scale
			}
		}
		if v != 0 {
			power += float64(v) * float64(v)
			voiced++
		}
	}
	level := math.Sqrt(power/float64(max(voiced, 1))) * math.Pow(10, -roomNoise/20.)
	const smooth = .9 // of a low-pass: such noises are dull
	low, even := 0., math.Sqrt((1+smooth)/(1-smooth))
	in := make([]int16, len(pcm))
	for i := range out {
		low = smooth*low + (1-smooth)*random.NormFloat64()
		in[i] = int16(max(-32768, min(32767, math.Round(out[i]+low*even*level))))
	}
	return in
}
