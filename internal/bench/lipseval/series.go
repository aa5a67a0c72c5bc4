package lipseval

import (
	"math"
	"slices"
)

// Correlation returns Pearson's coefficient of two series of one length, -1..1;
// pairs with a NaN are left out. It is 0 where either does not change.
func Correlation(a, b []float64) float64 {
	var n, sa, sb, saa, sbb, sab float64
	for i, x := range a {
		y := b[i]
		if math.IsNaN(x) || math.IsNaN(y) {
			continue
		}
		n++
		sa, sb = sa+x, sb+y
		saa, sbb, sab = saa+x*x, sbb+y*y, sab+x*y
	}
	va, vb := n*saa-sa*sa, n*sbb-sb*sb
	if n < 3 || va <= 1e-9*n*saa || vb <= 1e-9*n*sbb {
		return 0
	}
	return (n*sab - sa*sb) / math.Sqrt(va*vb)
}

// BestLag returns by how many frames, at most reach, the estimate runs behind
// the target, and their correlation then. Of lags that fit alike the least is taken.
func BestLag(target, estimate []float64, reach int) (correlation float64, lag int) {
	correlation = math.Inf(-1)
	for d := range 2*reach + 1 {
		// 0, -1, 1, -2, 2, ...
		l := (d + 1) / 2
		if d%2 == 1 {
			l = -l
		}
		from, to := max(0, l), min(len(target), len(target)+l)
		if to-from < 3 {
			continue
		}
		if c := Correlation(target[from-l:to-l], estimate[from:to]); c > correlation+1e-9 {
			correlation, lag = c, l
		}
	}
	return max(correlation, -1), lag
}

// MeanError returns the mean |target - estimate|; pairs with a NaN are left out. NaN where none is left.
func MeanError(target, estimate []float64) float64 {
	var sum, n float64
	for i, x := range target {
		if d := math.Abs(x - estimate[i]); !math.IsNaN(d) {
			sum += d
			n++
		}
	}
	return sum / n
}

// Closure returns the share of the moments (indices of frames) at which, or
// one frame before or after, the estimate is below the threshold; NaN where
// there are no moments.
func Closure(moments []int, estimate []float64, threshold float64) float64 {
	closed, n := 0, 0
	for _, m := range moments {
		if m < 0 || m >= len(estimate) || math.IsNaN(estimate[m]) {
			continue
		}
		n++
		for i := max(0, m-1); i <= min(len(estimate)-1, m+1); i++ {
			if estimate[i] < threshold {
				closed++
				break
			}
		}
	}
	return float64(closed) / float64(n)
}

// Quantile returns the value below which the share q (0..1) of v lies; NaNs are left out.
func Quantile(v []float64, q float64) float64 {
	v = slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	at := q * float64(len(v)-1)
	i := min(int(at), max(len(v)-2, 0))
	j := min(i+1, len(v)-1)
	return v[i] + (v[j]-v[i])*(at-float64(i))
}

// ClosedBelow returns the height under which a mouth counts as closed, from the
// heights of the same mouth in frames as they were taken: over what it shows
// closed (the 5th percentile) by a fifth of its range or thrice the noise,
// whichever is more. Somebody who never closes their mouth is taken to show most.
func ClosedBelow(source []float64, noise float64) float64 {
	const most = .06
	closed, open := min(Quantile(source, .05), most), Quantile(source, .95)
	return closed + max(.2*(open-closed), 3*noise)
}

// Reliability compares estimates of the same frames taken twice, the second
// time disturbed: their correlation, at least 0, and the root mean square of their difference.
func Reliability(plain, disturbed []float64) (correlation, noise float64) {
	var sum, n float64
	for i, x := range plain {
		if d := x - disturbed[i]; !math.IsNaN(d) {
			sum += d * d
			n++
		}
	}
	return max(0, Correlation(plain, disturbed)), math.Sqrt(sum / max(n, 1))
}
