package face

import (
	"math"
	"testing"

	"livedub/media"
)

// TestScene: neither light nor a pan is a cut, another frame is.
func TestScene(t *testing.T) {
	paint := func(v func(x, y float64) float64) *media.Frame {
		f := media.NewFrame(320, 180)
		for i := range f.Y {
			f.Y[i] = byte(min(max(v(float64(i%320)/320, float64(i/320)/180), 16), 235))
		}
		return f
	}
	room := func(x, y float64) float64 { return 120 + 60*math.Sin(9*x)*math.Cos(7*y) + 20*math.Sin(31*x) }
	other := func(x, y float64) float64 { return 120 + 60*math.Cos(5*x+8*y) }
	for _, tt := range []struct {
		name string
		next func(i int) func(x, y float64) float64
		cuts int
	}{
		{"still", func(int) func(x, y float64) float64 { return room }, 0},
		{"light", func(i int) func(x, y float64) float64 {
			return func(x, y float64) float64 { return 20 + room(x, y)*(.5+.4*float64(i%2)) }
		}, 0},
		{"pan", func(i int) func(x, y float64) float64 {
			return func(x, y float64) float64 { return room(x+.00004*math.Pow(float64(i), 3), y) }
		}, 0},
		{"cut", func(i int) func(x, y float64) float64 {
			if i >= 10 {
				return other
			}
			return room
		}, 1},
		{"black between", func(i int) func(x, y float64) float64 {
			if i >= 5 && i < 15 {
				return func(float64, float64) float64 { return 16 }
			}
			return room
		}, 2},
	} {
		var s scene
		cuts := 0
		for i := range 20 {
			f := paint(tt.next(i))
			if s.cut(f, i == 0) {
				cuts++
			}
			f.Release()
		}
		if cuts != tt.cuts {
			t.Errorf("%s: %d cuts, not %d", tt.name, cuts, tt.cuts)
		}
	}
}
