package opening

import (
	"bytes"
	"math"
	"testing"
)

// drawn is a mouth on even skin: lips darker than it, teeth and hollow between them.
func drawn(height float64, change func(v float64) float64) Plane {
	const w, h, eyes = 200, 160, 100.
	p := Plane{make([]byte, w*h), w, w, h}
	for y := range h {
		for x := range w {
			dx, dy := (float64(x)-w/2)/eyes, (float64(y)-h/2)/eyes
			bow := max(0, 1-dx*dx/.16)
			half := height / 2 * bow
			v := 160.
			switch lip := .1 * math.Sqrt(bow); {
			case math.Abs(dy) < half && dy < -.2*half:
				v = 200
			case math.Abs(dy) < half:
				v = 40
			case bow > 0 && math.Abs(dy) < half+lip:
				v = 120
			}
			p.Pix[y*w+x] = byte(min(max(change(v), 0), 255))
		}
	}
	return p
}

var middle = Place{X: 100, Y: 80, Ax: 100}

// TestLight: a mouth is read alike in any light, and an open one as open. How heights
// of people are read is measured by `livedub bench lips --fit`.
func TestLight(t *testing.T) {
	plain := func(v float64) float64 { return v }
	for name, light := range map[string]func(float64) float64{
		"gamma .6":    func(v float64) float64 { return 255 * math.Pow(v/255, .6) },
		"gamma 1.6":   func(v float64) float64 { return 255 * math.Pow(v/255, 1.6) },
		"contrast .6": func(v float64) float64 { return 128 + .6*(v-128) },
		"half dark":   func(v float64) float64 { return .5 * v },
		"a dark skin": func(v float64) float64 { return v - 100*max(0, min(1, (190-v)/60)) },
	} {
		closed := Learned.Height(drawn(0, light).Sample(middle).Features())
		for _, h := range []float64{0, .1, .2, .3} {
			got := Learned.Height(drawn(h, light).Sample(middle).Features())
			if want := Learned.Height(drawn(h, plain).Sample(middle).Features()); math.Abs(got-want) > .04 {
				t.Errorf("%s: an opening of %.1f is read as %.3f, in plain light as %.3f", name, h, got, want)
			}
			if h > 0 && got < closed+.01 {
				t.Errorf("%s: an opening of %.1f is read as %.3f, closed lips as %.3f", name, h, got, closed)
			}
		}
	}
}

// TestPlaces: size and tilt of a mouth do not matter, and no place makes it panic.
func TestPlaces(t *testing.T) {
	p := drawn(.2, func(v float64) float64 { return v })
	want := Learned.Height(p.Sample(middle).Features())
	mirrored := p.Sample(middle)
	mirrored.Mirror()
	if got := Learned.Height(mirrored.Features()); math.Abs(got-want) > .03 {
		t.Errorf("mirrored: %.3f, before %.3f", got, want)
	}
	for _, at := range []Place{{}, {X: -1e4, Y: 1e5, Ax: 3}, {X: 100, Y: 80, Ax: 1e4, Ay: -1e4}, {X: 199, Y: 159, Ay: 60}} {
		for _, p := range []Plane{p, {Pix: []byte{7}, Stride: 1, W: 1, H: 1}, {Pix: make([]byte, 6), Stride: 3, W: 2, H: 2}} {
			if h := Learned.Height(p.Sample(at).Features()); math.IsNaN(h) || math.IsInf(h, 0) {
				t.Errorf("%v in %dx%d: %v", at, p.W, p.H, h)
			}
		}
	}
}

func TestModel(t *testing.T) {
	var f Features
	for i := range f {
		f[i] = float32(i%7)/100 - .03
	}
	m, err := Parse(New(&f, .5).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var one Features
	one[4] = 2
	if got, want := m.Height(&one), .5+2*float64(f[4]); math.Abs(got-want) > 1e-5 {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := Parse(nil); err == nil {
		t.Error("an empty model is read")
	}
	if _, err := Parse(learned[1:]); err == nil {
		t.Error("a model cut short is read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(learned)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{255}, header+2*Dim))
	f.Add(append([]byte{0, 0, 0, 0, 255, 255, 127, 127}, bytes.Repeat([]byte{255, 127}, Dim)...)) // the largest unit
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err == nil && math.IsNaN(m.Height(&Features{})) {
			t.Error("a model without a meaning is read")
		}
	})
}

func BenchmarkHeight(b *testing.B) {
	p := drawn(.2, func(v float64) float64 { return v })
	for b.Loop() {
		Learned.Height(p.Sample(middle).Features())
	}
}
