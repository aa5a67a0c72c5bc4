package caller

import (
	"math"
	"slices"
)

// maxSamples bounds one series: 64 KB.
const maxSamples = 8192

// Series keeps samples of one figure in bounded memory: when it is full it
// keeps every second one, and from then on takes every second that comes. The
// extremes are exact. The zero value is empty.
type Series struct {
	kept     []float64
	step     int // of the samples that come, every step-th is kept; 0 counts as 1
	n        int // that came
	min, max float64
}

// Add takes a sample.
func (s *Series) Add(v float64) {
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

// Join takes what another series kept; the counts add up, the quantiles weigh
// each kept sample alike.
func (s *Series) Join(o *Series) {
	if o.n == 0 {
		return
	}
	n, low, high := s.n+o.n, o.min, o.max
	if s.n > 0 {
		low, high = min(low, s.min), max(high, s.max)
	}
	for _, v := range o.kept {
		s.Add(v)
	}
	s.n, s.min, s.max = n, low, high
}

// Figures are the quantiles of a series, as they are printed. All are in the
// unit of the samples, rounded to a tenth.
type Figures struct {
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	N   int     `json:"n"`
}

// Figures returns nil where nothing was measured.
func (s *Series) Figures() *Figures {
	if s.n == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(s.kept))
	return &Figures{Tenth(s.min), Tenth(quantile(sorted, .5)), Tenth(quantile(sorted, .95)), Tenth(quantile(sorted, .99)), Tenth(s.max), s.n}
}

// quantile returns the q-th quantile, 0..1, of sorted values by the nearest rank; there must be one.
func quantile(sorted []float64, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// Tenth rounds; it returns no negative zero.
func Tenth(v float64) float64 { return math.Round(10*v)/10 + 0 }
