// Package pitch measures the fundamental frequency of a voice by YIN (de Cheveigné
// and Kawahara 2002).
package pitch

import "slices"

// Rate is the sample rate of what is measured, Hz.
const Rate = 8000

const (
	minimum = 60  // Hz
	maximum = 450 // Hz
	window  = 256 // samples compared: 32 ms
	maxLag  = Rate / minimum
	minLag  = Rate / maximum
	// threshold is the aperiodic part of a frame's power above which it has no pitch.
	threshold = 0.15
)

// Span is how many samples one measurement takes: 49 ms.
const Span = window + maxLag + 1

// Of returns the fundamental frequency of x, in Hz; false where x has none.
func Of(x *[Span]float32) (float64, bool) {
	var d [maxLag + 2]float64 // cumulative mean normalised difference
	d[0] = 1
	sum := 0.0
	for lag := 1; lag <= maxLag; lag++ {
		var s float32
		a, b := x[:window], x[lag:lag+window]
		for j, v := range a {
			e := v - b[j]
			s += e * e
		}
		sum += float64(s)
		if sum == 0 {
			return 0, false
		}
		d[lag] = float64(s) * float64(lag) / sum
	}
	for lag := minLag; lag < maxLag; lag++ {
		if d[lag] >= threshold {
			continue
		}
		for lag+1 < maxLag && d[lag+1] < d[lag] {
			lag++
		}
		l, c, r := d[lag-1], d[lag], d[lag+1]
		shift := 0.0
		if den := l - 2*c + r; den > 0 {
			shift = (l - r) / (2 * den)
		}
		return Rate / (float64(lag) + min(max(shift, -1), 1)), true
	}
	return 0, false
}

// few voiced spans tell nothing of a voice.
const few = 5

// Median returns the median fundamental frequency of speech in mono sound at rate
// Hz, 8000 or more; 0 where too little of it has any.
func Median(pcm []float32, rate int) float64 {
	low := make([]float32, len(pcm)*Rate/rate) // each the mean of what it stands for
	for i := range low {
		from, to := i*rate/Rate, (i+1)*rate/Rate
		for _, v := range pcm[from:to] {
			low[i] += v / float32(to-from)
		}
	}
	var found []float64
	for at := 0; at+Span <= len(low); at += Rate / 100 {
		if hz, ok := Of((*[Span]float32)(low[at:])); ok {
			found = append(found, hz)
		}
	}
	if len(found) < few {
		return 0
	}
	slices.Sort(found)
	return found[len(found)/2]
}
