package lipsfit

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference/lips/opening"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFit: what a few features say of a height is found, and samples weigh as they should.
func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	height := func(f *opening.Features) float64 { return .1 + .5*float64(f[3]) - .2*float64(f[700]) }
	var samples []Sample
	for range 1500 {
		f := new(opening.Features)
		for i := range f {
			f[i] = float32(r.NormFloat64())
		}
		samples = append(samples, Sample{f, height(f), 1})
	}
	for range 300 { // worth next to nothing
		f := *samples[0].Features
		samples = append(samples, Sample{&f, 5, 1e-6})
	}
	m, err := Fit(samples)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples[:20] {
		if got := m.Height(s.Features); math.Abs(got-s.Height) > .05 {
			t.Errorf("%.3f, want %.3f", got, s.Height)
		}
	}
	if _, err := Fit(nil); err == nil {
		t.Error("a model of nothing")
	}
}

// TestDisturb: every draw differs, and none is without a meaning.
func TestDisturb(t *testing.T) {
	p := opening.Plane{Pix: make([]byte, 100*100), Stride: 100, W: 100, H: 100}
	for i := range p.Pix {
		p.Pix[i] = byte(i * 7)
	}
	at := opening.Place{X: 50, Y: 50, Ax: 40}
	r := rand.New(rand.NewPCG(2, 2))
	a, b := Disturb(p, at, false, r), Disturb(p, at, true, r)
	if *a == *b {
		t.Error("two draws are one")
	}
	for i, v := range a {
		if v != v {
			t.Fatalf("feature %d is no number", i)
		}
	}
}
