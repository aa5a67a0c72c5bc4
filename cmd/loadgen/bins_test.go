package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

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

// TestPicture: the picture is XML, has a line for each figure that was measured, and survives Figures that are none.
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
			t.Errorf("%d Figures are not measured", strings.Count(picture, "nothing was measured"))
		}
	}
}
