package face

import (
	"math"
	"slices"

	"livedub/inference"
)

// runs is how often a point is located, each time from another place: the middle of the
// results is steadier than any one of them.
const runs = 16

// nudges are where the runs start: offsets in window sides and factors of the
// side, spread evenly by the additive recurrence of the plastic number, and
// each with its opposite.
var nudges = func() (n [runs][3]float64) {
	const g = 1.2207440846057596 // root of x^4 = x + 1
	for i := 0; i < runs; i += 2 {
		for k, a := range []float64{1 / g, 1 / (g * g), 1 / (g * g * g)} {
			v := .075 * (2*math.Mod(.5+a*float64(i/2+1), 1) - 1)
			n[i][k], n[i+1][k] = v, -v
		}
		n[i][2]++
		n[i+1][2]++
	}
	return n
}()

// walker locates points; it holds the memory of one stream.
type walker struct {
	x, y, side [runs]float64
	window     [runs]struct{ x, y, side int } // the same, as fixed makes them, the side in 1/256
	dx, dy     [runs]float32
	sorted     [runs]float64
}

// locate walks from (x, y) with a window of the given side, all in pixels of g,
// to the point that l knows, or with mirror to the one that its mirror image
// knows. It returns the middle of all runs and their spread in pixels.
func (w *walker) locate(l *localizer, g *gray, x, y, side float64, mirror bool) (p inference.Point, spread float64) {
	sign := 1
	if mirror {
		sign = -1
	}
	for i, n := range nudges {
		w.x[i], w.y[i], w.side[i] = x+n[0]*side, y+n[1]*side, side*n[2]
	}
	for _, stage := range l.stages {
		for i := range runs {
			w.window[i].x, w.window[i].y, w.window[i].side = fixed(w.x[i]), fixed(w.y[i]), int(w.side[i]*256)
		}
		w.dx, w.dy = [runs]float32{}, [runs]float32{}
		step := w.step
		if w.inside(g) {
			step = w.quickStep
		}
		for i := range stage { // tree by tree, so that each is fetched once for all runs
			step(l.depth, &stage[i], g, sign)
		}
		for i := range runs {
			w.x[i] += float64(w.dx[i]) * w.side[i]
			w.y[i] += float64(w.dy[i]) * w.side[i]
			w.side[i] *= l.shrink
		}
	}
	var sx, sy float64
	p.X, sx = w.middle(&w.x)
	p.Y, sy = w.middle(&w.y)
	return p, math.Hypot(sx, sy)
}

// step adds what one tree says to all runs' moves. sign is -1 for the mirror image.
func (w *walker) step(depth int, t *moveTree, g *gray, sign int) {
	nodes := t.nodes
	for i := range runs {
		x, y, s := w.window[i].x, w.window[i].y, w.window[i].side
		sx := sign * s
		at := 0
		for range depth {
			n := &nodes[at]
			at = 2*at + 1 + above(g.at(x+int(n.c1)*sx, y+int(n.r1)*s), g.at(x+int(n.c2)*sx, y+int(n.r2)*s))
		}
		w.move(i, sign, t.leaves[at-len(nodes)])
	}
}

// inside tells whether no run's window leaves g and g is a crop.
func (w *walker) inside(g *gray) bool {
	if g.stride != cropStride {
		return false
	}
	for i := range runs {
		half := w.side[i]/2 + 1
		if w.x[i] < half || w.y[i] < half || w.x[i]+half > float64(g.w) || w.y[i]+half > float64(g.h) {
			return false
		}
	}
	return true
}

// quickStep is step where all windows are inside a crop.
func (w *walker) quickStep(depth int, t *moveTree, g *gray, sign int) {
	pix, nodes := (*[cropStride * cropStride]byte)(g.pix), t.nodes
	for i := range runs {
		x, y, s := w.window[i].x, w.window[i].y, w.window[i].side
		sx := sign * s
		at := 0
		for range depth {
			n := &nodes[at]
			p := pix[uint16((y+int(n.r1)*s)>>16<<8|(x+int(n.c1)*sx)>>16)]
			q := pix[uint16((y+int(n.r2)*s)>>16<<8|(x+int(n.c2)*sx)>>16)]
			at = 2*at + 1 + above(p, q)
		}
		w.move(i, sign, t.leaves[at-len(nodes)])
	}
}

func (w *walker) move(i, sign int, leaf [2]float32) {
	w.dy[i] += leaf[0]
	w.dx[i] += float32(sign) * leaf[1]
}

// middle returns the mean of the middle half of v, and how wide that half is.
func (w *walker) middle(v *[runs]float64) (mean, spread float64) {
	w.sorted = *v
	slices.Sort(w.sorted[:])
	for _, x := range w.sorted[runs/4 : runs*3/4] {
		mean += x
	}
	return mean / (runs / 2), w.sorted[runs*3/4] - w.sorted[runs/4]
}
