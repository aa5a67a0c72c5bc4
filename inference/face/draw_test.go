package face

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// drawn is a face drawn by formulas, in its own measure (eye distances from between the eyes).
type drawn struct {
	frame
	open float64 // height of the mouth's opening
	dark float64 // what is taken from the light, 0..1
}

// blob is 1 inside an ellipse around (cx, cy) and falls to 0 outside, softly.
func blob(x, y, cx, cy, rx, ry, soft float64) float64 {
	d := math.Hypot((x-cx)/rx, (y-cy)/ry)
	if d > 1+8*soft {
		return 0
	}
	return 1 / (1 + math.Exp((d-1)/soft))
}

// shade returns the brightness of the face at a place, given what is behind it.
func (d *drawn) shade(p inference.Point, behind float64) float64 {
	x, y := p.X, p.Y
	mix := func(to, much float64) { behind += (to - behind) * much }
	mix(60, blob(x, y, 0, 0, 1.25, 1.55, .03))                                                                  // hair
	mix(120, blob(x, y, 0, 1.75, .62, .6, .05))                                                                 // neck
	mix(178-25*x*x-6*(y-.4)*(y-.4), blob(x, y, 0, .42, 1.02, 1.5, .03)*(1-blob(x, y, 0, -1.35, 1.3, .62, .06))) // skin
	for _, side := range []float64{-1, 1} {
		ex := .5 * side
		mix(128, .75*blob(x, y, ex, -.03, .36, .21, .15))                              // socket
		mix(70, .9*blob(x, y, ex+.02*side, -.3-.05*(1-math.Abs(x-ex)), .33, .06, .15)) // brow
		mix(205, blob(x, y, ex, 0, .22, .095, .08))                                    // white
		mix(50, blob(x, y, ex, 0, .1, .1, .1))                                         // iris
		mix(60, .9*blob(x, y, ex, -.1, .25, .035, .2))                                 // lid
		mix(80, .85*blob(x, y, .12*side, .64, .065, .045, .25))                        // nostril
		mix(140, .5*blob(x, y, .2*side, .5, .06, .16, .3))                             // side of the nose
	}
	mix(212, .8*blob(x, y, 0, .3, .07, .3, .3))   // bridge
	mix(215, .8*blob(x, y, 0, .52, .12, .09, .3)) // tip
	mix(130, .5*blob(x, y, 0, .7, .2, .05, .3))
	m := 1.13 + d.open/4
	mix(112, blob(x, y, 0, m-d.open/2-.045, .4, .085, .12))  // upper lip
	mix(122, blob(x, y, 0, m+d.open/2+.055, .37, .1, .12))   // lower lip
	mix(45, blob(x, y, 0, m, .36, .022+d.open/2, .12))       // opening
	mix(140, .5*blob(x, y, 0, m+d.open/2+.23, .25, .05, .3)) // chin's fold
	return behind
}

// draw paints the faces over a quiet background.
func draw(w, h int, at time.Duration, faces ...drawn) *media.Frame {
	f := media.NewFrame(w, h)
	f.PTS = at
	for y := range h {
		for x := range w {
			v := 95 + 30*math.Sin(float64(x)/float64(w)*7)*math.Cos(float64(y)/float64(h)*5)
			dark := 0.
			for i := range faces {
				d := &faces[i]
				p := d.of(inference.Point{X: float64(x), Y: float64(y)})
				if math.Abs(p.X) < 1.6 && p.Y > -2 && p.Y < 2.6 {
					v = d.shade(p, v)
				}
				dark = d.dark
			}
			f.Y[y*f.YStride+x] = byte(16 + (v-16)*(1-dark))
		}
	}
	for i := range f.U {
		f.U[i], f.V[i] = 128, 128
	}
	return f
}

func upright(x, y, eyes float64) drawn {
	return drawn{frame: frame{mid: inference.Point{X: x, Y: y}, eyes: eyes}}
}
