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

	// clear is how far the correlation's peak must stand above the rest. Between two
	// voices that have nothing to do with each other it is 4 to 6.
	clear = 9

	low    = Rate / 2 // Hz, at which sounds are compared
	window = 1024     // samples of a frame in which coherence is measured: 128 ms, most of a room's reverberation
	hop    = window / 4
	few    = 1.5 // windows' worth of sound: less tells nothing
)

// Share returns which part of a microphone's power, 0 to 1, is explained as sound
// that was played: heard is what the microphone heard, played what was played from
// reach samples before that on, to the end of it: reach+len(heard) samples. It is
// 0 where the two have no clear delay between them. Both are mono at Rate.
func Share(heard, played []int16, reach int) float64 {
	if len(heard) < 4*window || len(played) < reach+len(heard) || quiet(heard) || quiet(played) {
		return 0
	}
	heard, played, reach = halve(heard), halve(played[:reach+len(heard)]), reach/2
	heard = heard[:min(len(heard), len(played)-reach)]
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

// halve returns sound at half its rate.
func halve(pcm []int16) []int16 {
	out := make([]int16, len(pcm)/2)
	for i := range out {
		out[i] = int16((int(pcm[2*i]) + int(pcm[2*i+1])) / 2)
	}
	return out
}

// delay returns how many samples after it was played sound was heard, found by
// the generalized cross-correlation (Knapp and Carter 1976), and whether that is clear.
func delay(heard, played []int16, reach int) (int, bool) {
	n := smooth(len(played)) // the lags that are looked at do not wrap around
	t := fourier.NewFFT(n)
	x, y := t.Coefficients(nil, floats(heard, n)), t.Coefficients(nil, floats(played, n))
	for i := range x {
		hz := float64(i) * low / float64(n)
		cross := y[i] * cmplx.Conj(x[i])
		size := cmplx.Abs(cross)
		if hz < lowest || hz > highest || size == 0 {
			x[i] = 0
			continue
		}
		// The spectrum is evened out by three quarters: all of it would make noise
		// between the harmonics of a voice count as much as they do.
		root := math.Sqrt(size)
		x[i] = cross * complex(1/(root*math.Sqrt(root)), 0)
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

// smooth returns the least number from n on without prime factors above 5: what
// Fourier transforms are fast for. Powers of two are slow where they fall on the
// same lines of the cache.
func smooth(n int) int {
	for ; ; n++ {
		rest := n
		for _, p := range []int{2, 3, 5} {
			for rest > 1 && rest%p == 0 {
				rest /= p
			}
		}
		if rest <= 1 {
			return n
		}
	}
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
	from, to := lowest*window/low, highest*window/low
	xx, yy, xy := make([]float64, to), make([]float64, to), make([]complex128, to)
	sum, squares := 0.0, 0.0 // of the frames' power
	for at := 0; at+window <= len(x); at += hop {
		a, b := frame(x[at:at+window]), frame(y[at:at+window])
		power := 0.0
		for i := from; i < to; i++ {
			p := real(a[i])*real(a[i]) + imag(a[i])*imag(a[i])
			power += p
			xx[i] += p
			yy[i] += real(b[i])*real(b[i]) + imag(b[i])*imag(b[i])
			xy[i] += a[i] * cmplx.Conj(b[i])
		}
		sum, squares = sum+power, squares+power*power
	}
	// How many frames there are that count: silent ones do not, and overlapping ones share what they have.
	if squares == 0 {
		return 0
	}
	frames := sum * sum / squares * hop / window
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
	// What few frames have in common by chance is taken off.
	chance := 1 / (frames + 1)
	return max(0, (shared/all-chance)/(1-chance))
}

func floats(pcm []int16, n int) []float64 {
	out := make([]float64, n)
	for i := range min(n, len(pcm)) {
		out[i] = float64(pcm[i])
	}
	return out
}
