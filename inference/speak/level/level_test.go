package level

import (
	"math"
	"testing"
)

const rate = 24000

// tone is a second of 200 Hz with silence around it, and a click in its middle.
func tone(amplitude, click float64) []float32 {
	out := make([]float32, 2*rate)
	for i := rate / 2; i < 3*rate/2; i++ {
		out[i] = float32(amplitude * math.Sin(2*math.Pi*200*float64(i)/rate))
	}
	if click > 0 {
		out[rate] = float32(click)
	}
	return out
}

// TestSpeech: quiet and loud sounds come out alike, trimmed, and no peak clips.
func TestSpeech(t *testing.T) {
	for name, in := range map[string][]float32{"quiet": tone(.01, 0), "as it should be": tone(.14, 0), "beyond full scale": tone(1.6, 0), "a click": tone(.05, 1.5)} {
		sound, from, ok := Speech(in, rate)
		if !ok {
			t.Fatalf("%s: no sound", name)
		}
		if d := from - (rate/2 - rate*3/1000); d < -2 || d > 20 && name != "a click" || len(sound) < rate*9/10 || len(sound) > rate+rate/100 {
			t.Errorf("%s: from sample %d, %d samples", name, from, len(sound))
		}
		var peak, sum float64
		for _, v := range sound {
			peak = max(peak, math.Abs(float64(v))/32767)
			sum += float64(v) * float64(v)
		}
		db := 20 * math.Log10(math.Sqrt(sum/float64(len(sound)))/32767)
		if peak > ceiling+.001 || db > -19.5 || db < -21 && name != "a click" {
			t.Errorf("%s: peak %.2f, %.1f dBFS", name, peak, db)
		}
	}
	for name, in := range map[string][]float32{"nothing": nil, "silence": make([]float32, 100), "hiss": tone(.002, 0), "infinity": {float32(math.Inf(1)), 0}} {
		if _, _, ok := Speech(in, rate); ok {
			t.Errorf("%s sounds", name)
		}
	}
}

// TestLimiterIsSmooth: its gain never jumps, so that a peak makes no click of its own.
func TestLimiterIsSmooth(t *testing.T) {
	in := make([]float32, rate)
	for i := range in {
		in[i] = .1
	}
	in[rate/2] = 2
	out := limit(in, 1, rate)
	for i := 1; i < len(out); i++ {
		if i == rate/2 || i == rate/2+1 {
			continue
		}
		if d := math.Abs(float64(out[i])-float64(out[i-1])) / 32767; d > .1/(attack*rate)+1e-4 {
			t.Fatalf("sample %d: a step of %.4f", i, d)
		}
	}
}
