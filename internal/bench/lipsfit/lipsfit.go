// Package lipsfit learns inference/lips/opening's model: a weighted sum of what is
// seen around a mouth, by least squares with a penalty (ridge regression), over many
// faces in many lights.
package lipsfit

import (
	"errors"
	"math"
	"math/rand/v2"

	"livedub/inference/lips/opening"
)

// Sample is a mouth whose opening is known.
type Sample struct {
	Features *opening.Features
	Height   float64 // distances between the eyes
	Weight   float64
}

const (
	usual   = .12 // height that the weights tell the difference to
	penalty = 10  // on squared weights, beside samples whose weights are 1 on average
)

// Fit returns the model that tells the samples' heights best.
func Fit(samples []Sample) (*opening.Model, error) {
	const n = opening.Dim + 1 // the last is what is added
	var weights float64
	for _, s := range samples {
		weights += s.Weight
	}
	if weights <= 0 {
		return nil, errors.New("no samples to learn from: give clips in which a face is found")
	}
	scale := float64(len(samples)) / weights
	a, b := make([]float64, n*n), make([]float64, n)
	x := make([]float64, n)
	for _, s := range samples {
		w := s.Weight * scale
		for i, v := range s.Features {
			x[i] = float64(v)
		}
		x[n-1] = 1
		for i := range n {
			wi := w * x[i]
			if wi == 0 {
				continue
			}
			row := a[i*n : i*n+i+1]
			for j := range row {
				row[j] += wi * x[j]
			}
			b[i] += wi * (s.Height - usual)
		}
	}
	for i := range n {
		a[i*n+i] += penalty
	}
	solve(a, b)
	f := new(opening.Features)
	for i := range f {
		f[i] = float32(b[i])
	}
	return opening.New(f, usual+b[n-1]), nil
}

// solve turns b into the x of a x = b, by Cholesky; a is positive definite, its lower half is given.
func solve(a, b []float64) {
	n := len(b)
	for i := range n {
		for j := 0; j <= i; j++ {
			sum := a[i*n+j]
			p, q := a[i*n:i*n+j], a[j*n:j*n+j]
			for k := range p {
				sum -= p[k] * q[k]
			}
			if i == j {
				a[i*n+i] = math.Sqrt(sum)
			} else {
				a[i*n+j] = sum / a[j*n+j]
			}
		}
	}
	for i := range n {
		for k := range i {
			b[i] -= a[i*n+k] * b[k]
		}
		b[i] /= a[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= a[k*n+i] * b[k]
		}
		b[i] /= a[i*n+i]
	}
}

// Disturb returns what another camera, light or tracker would have seen of a mouth:
// a little beside it, larger, turned, mirrored, brighter, blurred, noisy.
func Disturb(p opening.Plane, at opening.Place, mirror bool, r *rand.Rand) *opening.Features {
	grow, turn := 1+.06*r.NormFloat64(), .05*r.NormFloat64()
	dx, dy := .03*r.NormFloat64(), .03*r.NormFloat64()
	at.X, at.Y = at.X+at.Ax*dx-at.Ay*dy, at.Y+at.Ay*dx+at.Ax*dy
	c, s := grow*math.Cos(turn), grow*math.Sin(turn)
	at.Ax, at.Ay = at.Ax*c-at.Ay*s, at.Ay*c+at.Ax*s
	patch := p.Sample(at)
	if mirror {
		patch.Mirror()
	}
	gamma, contrast, noise := math.Exp(.35*r.NormFloat64()), math.Exp(-.3*math.Abs(r.NormFloat64())), 5*r.Float64()
	if r.Float64() < .3 {
		patch = patch.Soften()
	}
	for i, v := range patch {
		patch[i] = float32(255*contrast*math.Pow(min(max(float64(v), 0), 255)/255, gamma) + noise*r.NormFloat64())
	}
	return patch.Features()
}
