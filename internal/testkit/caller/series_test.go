package caller

import (
	"math"
	"testing"
)

func TestSeries(t *testing.T) {
	var none, one, many Series
	if none.Figures() != nil {
		t.Error("Figures of nothing")
	}
	one.Add(3.14159)
	if f := one.Figures(); *f != (Figures{3.1, 3.1, 3.1, 3.1, 3.1, 1}) {
		t.Errorf("of one: %+v", f)
	}
	for i := range 100 {
		many.Add(float64((i*37)%100 + 1)) // 1 to 100, mixed
	}
	if f := many.Figures(); *f != (Figures{1, 50, 95, 99, 100, 100}) {
		t.Errorf("of 1 to 100: %+v", f)
	}
}

// TestSeriesIsBounded: memory stays, extremes and count are exact, quantiles near.
func TestSeriesIsBounded(t *testing.T) {
	var s Series
	const n = 300_000
	for i := range n {
		s.Add(float64(i))
	}
	f := s.Figures()
	if len(s.kept) >= maxSamples || cap(s.kept) > 2*maxSamples || f.N != n || f.Min != 0 || f.Max != n-1 {
		t.Errorf("%d kept in room for %d, %+v", len(s.kept), cap(s.kept), f)
	}
	if math.Abs(f.P50-n/2) > n/100 || math.Abs(f.P95-.95*n) > n/100 {
		t.Errorf("quantiles of a ramp to %d: %+v", n, f)
	}
}

func TestSeriesJoin(t *testing.T) {
	var a, b, none Series
	for i := range 10 {
		a.Add(float64(i))
		b.Add(float64(100 + i))
	}
	a.Join(&b)
	a.Join(&none)
	if f := a.Figures(); *f != (Figures{0, 9, 108, 109, 109, 20}) {
		t.Errorf("%+v", f)
	}
}
