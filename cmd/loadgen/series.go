package main

import (
	"math"
	"slices"
)

// maxSamples bounds one series: 64 KB.
const maxSamples = 8192

// series keeps samples of one figure in bounded memory: when it is full it
// keeps every second one, and from then on takes every second that comes. The
// extremes are exact. The zero value is empty.
type series struct {
	kept     []float64
	step     int // of the samples that come, every step-th is kept; 0 counts as 1
	n        int // that came
	min, max float64
}

// add takes a sample.
func (s *series) add(v float64) {
	if s.n == 0 {
		s.min, s.max, s.step = v, v, 1
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
	if s.n%s.step == 0 {
		s.kept = append(s.kept, v)
	}
	s.n++
	if len(s.kept) == maxSamples {
		half := s.kept[:0]
		for i := 0; i < maxSamples; i += 2 {
			half = append(half, s.kept[i])
		}
		s.kept, s.step = half, 2*s.step
	}
}

// join takes what another series kept; the counts add up, the quantiles weigh
// each kept sample alike.
func (s *series) join(o *series) {
	if o.n == 0 {
		return
	}
	n, low, high := s.n+o.n, o.min, o.max
	if s.n > 0 {
		low, high = min(low, s.min), max(high, s.max)
	}
	for _, v := range o.kept {
		s.add(v)
	}
	s.n, s.min, s.max = n, low, high
}

// figures are the quantiles of a series, as they are printed. All are in the
// unit of the samples, rounded to a tenth.
type figures struct {
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	N   int     `json:"n"`
}

// figures returns nil where nothing was measured.
func (s *series) figures() *figures {
	if s.n == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(s.kept))
	return &figures{tenth(s.min), tenth(quantile(sorted, .5)), tenth(quantile(sorted, .95)), tenth(quantile(sorted, .99)), tenth(s.max), s.n}
}

// quantile returns the q-th quantile, 0..1, of sorted values by the nearest rank; there must be one.
func quantile(sorted []float64, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// tenth rounds; it returns no negative zero.
func tenth(v float64) float64 { return math.Round(10*v)/10 + 0 }

// bins hold a figure over time in bounded memory: when they are full, two
// neighbours become one. The zero value is empty, with bins of a second.
type bins struct {
	width int // seconds of each
	sum   []float64
	n     []int
	max   []float64
}

// maxBins bounds bins; it is even.
const maxBins = 1200

// add takes a sample at so many seconds; one before 0 counts as at 0.
func (b *bins) add(at, v float64) {
	if b.width == 0 {
		b.width = 1
	}
	i := int(max(at, 0)) / b.width
	for i >= maxBins {
		b.fold()
		i /= 2
	}
	for len(b.n) <= i {
		b.sum, b.n, b.max = append(b.sum, 0), append(b.n, 0), append(b.max, 0)
	}
	if b.n[i] == 0 {
		b.max[i] = v
	}
	b.sum[i], b.max[i] = b.sum[i]+v, max(b.max[i], v)
	b.n[i]++
}

// fold makes one bin of two.
func (b *bins) fold() {
	out := bins{width: 2 * b.width}
	for i := range b.n {
		if b.n[i] == 0 {
			continue
		}
		for len(out.n) <= i/2 {
			out.sum, out.n, out.max = append(out.sum, 0), append(out.n, 0), append(out.max, 0)
		}
		o := i / 2
		if out.n[o] == 0 {
			out.max[o] = b.max[i]
		}
		out.sum[o], out.max[o] = out.sum[o]+b.sum[i], max(out.max[o], b.max[i])
		out.n[o] += b.n[i]
	}
	*b = out
}

// point is one bin's place, in seconds, and value.
type point struct{ at, v float64 }

// means returns the mean of each bin that has samples, at its middle.
func (b *bins) means() []point {
	var out []point
	for i, n := range b.n {
		if n > 0 {
			out = append(out, point{b.middle(i), b.sum[i] / float64(n)})
		}
	}
	return out
}

// maxima returns the largest sample of each bin that has some.
func (b *bins) maxima() []point {
	var out []point
	for i, n := range b.n {
		if n > 0 {
			out = append(out, point{b.middle(i), b.max[i]})
		}
	}
	return out
}

// sums returns the sum of each bin up to the last that has samples.
func (b *bins) sums() []point {
	var out []point
	for i := range b.n {
		out = append(out, point{b.middle(i), b.sum[i]})
	}
	return out
}

func (b *bins) middle(i int) float64 { return (float64(i) + .5) * float64(b.width) }
