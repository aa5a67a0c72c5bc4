// Package echo tells whether a microphone hears only what was played beside it: a
// loudspeaker's sound comes back later, quieter, with the room's reverberation on it.
package echo

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// Rate is that of all sound here, Hz.
	Rate = 16000

	// Own is the Share from which on what is heard is what was played: a room's
	// reverberation and noise keep it below 1, the voice of who sits at the
	// microphone, even if the loudspeaker sounds behind it, below this.
	Own = .35

	lowest, highest = 150, 3800 // Hz, that loudspeakers and codecs pass

	// whitening is how far the cross-correlation evens out the spectrum: all of it
	// would make noise between the harmonics of a voice count as much as they do.
	whitening = .8
	// clear is how far the correlation's peak must stand above the rest. Between two
	// voices that have nothing to do with each other it is 4 to 6.
	clear = 9

	window = 2048 // samples of a frame in which coherence is measured: 128 ms, most of a room's reverberation
	hop    = window / 4
	few    = 6 // frames with less tell nothing
)

// Share returns which part of a microphone's power, 0 to 1, is explained as sound
// that was played: heard is what the microphone heard, played what was played from
// reach samples before that on, to the end of it: reach+len(heard) samples. It is
// 0 where the two have no clear delay between them. Both are mono at Rate.
func Share(heard, played []int16, reach int) float64 {
	if len(heard) < 2*window || len(played) < reach+len(heard) || quiet(heard) || quiet(played) {
		return 0
	}
	lag, ok := delay(heard, played[:reach+len(heard)], reach)
	if !ok {
		return 0
	}
	return coherence(heard, played[reach-lag:reach-lag+len(heard)])
}

func quiet(pcm []int16) bool {
	for _, v := range pcm {
		if v > 30 || v < -30 {
			return false
		}
	}
	return true
}

// delay returns how many samples after it was played sound was heard, found by
// the generalized cross-correlation (Knapp and Carter 1976), and whether that is clear.
func delay(heard, played []int16, reach int) (int, bool) {
	n := 1
	for n < len(played)+len(heard) {
		n *= 2
	}
	t := fourier.NewFFT(n)
	x, y := t.Coefficients(nil, floats(heard, n)), t.Coefficients(nil, floats(played, n))
	for i := range x {
		hz := float64(i) * Rate / float64(n)
		cross := y[i] * cmplx.Conj(x[i])
		size := cmplx.Abs(cross)
		if hz < lowest || hz > highest || size == 0 {
			x[i] = 0
			continue
		}
		x[i] = cross * complex(math.Pow(size, -whitening), 0)
	}
	// r[k]: heard from its beginning lies at played[k].
	r := t.Sequence(nil, x)[:reach+1]
	best, sum := 0, 0.0
	for k, v := range r {
		if v > r[best] {
			best = k
		}
		sum += v * v
	}
	rms := math.Sqrt(sum / float64(len(r)))
	return reach - best, rms > 0 && r[best] > clear*rms
}

// coherence returns which part of x's power is linear in y, the mean over
// frequencies, each as loud as it is in x (magnitude-squared coherence, Welch's method).
func coherence(x, y []int16) float64 {
	t := fourier.NewFFT(window)
	shape := make([]float64, window)
	for i := range shape {
		shape[i] = .5 - .5*math.Cos(2*math.Pi*float64(i)/window)
	}
	frame := func(pcm []int16) []complex128 {
		v := floats(pcm, window)
		for i := range v {
			v[i] *= shape[i]
		}
		return t.Coefficients(nil, v)
	}
	from, to := lowest*window/Rate, highest*window/Rate
	xx, yy, xy := make([]float64, to), make([]float64, to), make([]complex128, to)
	frames := 0
	for at := 0; at+window <= len(x); at += hop {
		a, b := frame(x[at:at+window]), frame(y[at:at+window])
		for i := from; i < to; i++ {
			xx[i] += real(a[i])*real(a[i]) + imag(a[i])*imag(a[i])
			yy[i] += real(b[i])*real(b[i]) + imag(b[i])*imag(b[i])
			xy[i] += a[i] * cmplx.Conj(b[i])
		}
		frames++
	}
	if frames < few {
		return 0
	}
	all, shared := 0.0, 0.0
	for i := from; i < to; i++ {
		if xx[i] > 0 && yy[i] > 0 {
			all += xx[i]
			shared += cmplx.Abs(xy[i]) * cmplx.Abs(xy[i]) / yy[i]
		}
	}
	if all == 0 {
		return 0
	}
	// What little frames have in common by chance is taken off; they overlap, so
	// that fewer count.
	chance := 1 / (float64(frames)*float64(hop)/window + 1)
	return max(0, (shared/all-chance)/(1-chance))
}

func floats(pcm []int16, n int) []float64 {
	out := make([]float64, n)
	for i := range min(n, len(pcm)) {
		out[i] = float64(pcm[i])
	}
	return out
}
