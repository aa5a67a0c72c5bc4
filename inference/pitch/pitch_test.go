package pitch

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMedian: of voices that are a pulse train through a resonance, at the rates of voices.
func TestMedian(t *testing.T) {
	for _, rate := range []int{8000, 16000, 22050, 24000, 44100} {
		for _, hz := range []float64{80, 118, 205, 380} {
			pcm := make([]float32, rate)
			for i := range pcm {
				for k := 1.; k*hz < 3000; k++ {
					pcm[i] += float32(math.Sin(2*math.Pi*k*hz*float64(i)/float64(rate)) / (1 + math.Abs(k*hz-600)/200) / 10)
				}
			}
			if got := Median(pcm, rate); math.Abs(got/hz-1) > .02 {
				t.Errorf("%.0f Hz at %d: %.1f", hz, rate, got)
			}
		}
	}
	noise := make([]float32, 16000)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = rng.Float32() - .5
	}
	for name, pcm := range map[string][]float32{"nothing": nil, "silence": make([]float32, 16000), "noise": noise, "a moment": noise[:300]} {
		if got := Median(pcm, 16000); got != 0 {
			t.Errorf("%s: %.1f Hz", name, got)
		}
	}
}
