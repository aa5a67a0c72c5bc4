package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestSeries(t *testing.T) {
	var none, one, many series
	if none.figures() != nil {
		t.Error("figures of nothing")
	}
	one.add(3.14159)
	if f := one.figures(); *f != (figures{3.1, 3.1, 3.1, 3.1, 3.1, 1}) {
		t.Errorf("of one: %+v", f)
	}
	for i := range 100 {
		many.add(float64((i*37)%100 + 1)) // 1 to 100, mixed
	}
	if f := many.figures(); *f != (figures{1, 50, 95, 99, 100, 100}) {
		t.Errorf("of 1 to 100: %+v", f)
	}
}

// TestSeriesIsBounded: memory stays, extremes and count are exact, quantiles near.
func TestSeriesIsBounded(t *testing.T) {
	var s series
	const n = 300_000
	for i := range n {
		s.add(float64(i))
	}
	f := s.figures()
	if len(s.kept) >= maxSamples || cap(s.kept) > 2*maxSamples || f.N != n || f.Min != 0 || f.Max != n-1 {
		t.Errorf("%d kept in room for %d, %+v", len(s.kept), cap(s.kept), f)
	}
	if math.Abs(f.P50-n/2) > n/100 || math.Abs(f.P95-.95*n) > n/100 {
		t.Errorf("quantiles of a ramp to %d: %+v", n, f)
	}
}

func TestSeriesJoin(t *testing.T) {
	var a, b, none series
	for i := range 10 {
		a.add(float64(i))
		b.add(float64(100 + i))
	}
	a.join(&b)
	a.join(&none)
	if f := a.figures(); *f != (figures{0, 9, 108, 109, 109, 20}) {
		t.Errorf("%+v", f)
	}
}

func TestBins(t *testing.T) {
	var b bins
	for _, p := range []point{{.2, 1}, {.7, 3}, {2.5, 10}, {-1, 2}} {
		b.add(p.at, p.v)
	}
	if got := b.means(); len(got) != 2 || got[0] != (point{.5, 2}) || got[1] != (point{2.5, 10}) {
		t.Errorf("means %v", got)
	}
	if got := b.maxima(); len(got) != 2 || got[0].v != 3 {
		t.Errorf("maxima %v", got)
	}
	if got := b.sums(); len(got) != 3 || got[0].v != 6 || got[1].v != 0 || got[2].v != 10 {
		t.Errorf("sums %v", got)
	}
}

// TestBinsAreBounded: a day has as many bins as 20 minutes, and the same sum.
func TestBinsAreBounded(t *testing.T) {
	var b bins
	for i := range 86400 {
		b.add(float64(i), 1)
	}
	total := 0.
	for _, p := range b.sums() {
		total += p.v
	}
	if len(b.n) > maxBins || total != 86400 || b.width != 128 {
		t.Errorf("%d bins of %d s, %v in all", len(b.n), b.width, total)
	}
	if m := b.maxima(); m[len(m)-1].at > 86400+64 || m[len(m)-1].v != 1 {
		t.Errorf("the last: %v", m[len(m)-1])
	}
}

// TestPicture: the picture is XML, has a line for each figure that was measured, and survives figures that are none.
func TestPicture(t *testing.T) {
	j := newJournal(nil)
	r := &report{Journal: j}
	r.End.FirstFail = `<b>&"`
	for i := range 20 {
		j.glass.add(float64(i), 4000+float64(i))
		j.offset.add(float64(i), -3)
	}
	for _, end := range []float64{0, 20} {
		r.End.At = end
		picture := string(r.svg())
		d := xml.NewDecoder(strings.NewReader(picture))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(picture, "<polyline"); n != 3 {
			t.Errorf("%d lines", n)
		}
		if strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") || strings.Count(picture, "nothing was measured") != 4 {
			t.Errorf("%d figures are not measured", strings.Count(picture, "nothing was measured"))
		}
	}
}
