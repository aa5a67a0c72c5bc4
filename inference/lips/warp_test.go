package lips

import (
	"math"
	"testing"
	"time"

	"livedub/inference"
)

// A warp moves neighbours alike: skin is nowhere torn, whether the mouth
// becomes wider or narrower, opens or closes. Only a lip that comes up hides
// what was between the lips.
func TestWarpTearsNothing(t *testing.T) {
	const step = .002
	from := shape{width: .7, upper: -.03, lower: .03, top: -.13, under: .14}
	for _, width := range []float64{.56, .65, .7, .78, .84} {
		for _, height := range []float64{0, .03, .06, .1, .18} {
			w := newWarp(from, height, width)
			for y := -.5; y < 1.2; y += .01 {
				lastX, lastY, _ := w.back(-.75, y)
				edge := y - w.lower*w.bow(-.75)
				for x := -.75 + step; x < .75; x += step {
					sx, sy, _ := w.back(x, y)
					was := edge
					edge = y - w.lower*w.bow(x)
					hidden := w.more < 0 && was*edge <= 0
					if jump := math.Hypot(sx-lastX, sy-lastY); jump > 4*step && !hidden {
						t.Fatalf("width %.2f, height %.2f: torn by %.3f at %.3f, %.3f", width, height, jump, x, y)
					}
					lastX, lastY = sx, sy
				}
			}
		}
	}
}

// Beside the corners of a mouth that becomes wider or narrower the cheek goes
// with them, and stays where it is farther out.
func TestWarpMovesCheeks(t *testing.T) {
	from := shape{width: .7, upper: -.03, lower: .03, top: -.13, under: .14}
	for _, width := range []float64{.6, .8} {
		w := newWarp(from, .06, width)
		for _, side := range []float64{-1, 1} {
			if sx, _, _ := w.back(side*width/2, 0); math.Abs(sx-side*.35) > 1e-9 {
				t.Errorf("width %.1f: corner %g comes from %g, want %g", width, side*width/2, sx, side*.35)
			}
			if sx, _, _ := w.back(side*(width/2+.05), 0); math.Abs(sx) <= .35 {
				t.Errorf("width %.1f: cheek beside corner comes from %g, inside the mouth", width, sx)
			}
			if sx, _, _ := w.back(side*.72, 0); math.Abs(sx-side*.72) > .01 {
				t.Errorf("width %.1f: cheek at %g comes from %g", width, side*.72, sx)
			}
		}
	}
}

func TestRoundingIsSeen(t *testing.T) {
	var trace Trace
	m, s := open(t, Config{Trace: func(tr Trace) { trace = tr }})
	talk(t, m, speaker(), 1, 60, 0)
	var asked, seen []float64
	for i, wide := range []float64{.1, .5, .9} {
		who := speaker()
		who.height = .1
		f, method := render(t, m, s, who, 1, 3*time.Second+time.Duration(i)*tick, 1, inference.MouthShape{Open: .4, Wide: wide})
		if method != inference.Own {
			t.Errorf("width %v: %v", wide, method)
		}
		asked, seen = append(asked, trace.Width), append(seen, who.across(f))
		f.Release()
	}
	for i := range 2 {
		want, got := asked[i+1]-asked[i], seen[i+1]-seen[i]
		if want < .02 || got < .6*want || got > 1.6*want {
			t.Errorf("asked for widths %.3f, see %.3f", asked, seen)
		}
	}
}
