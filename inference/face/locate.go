package face

import (
	"math"
	"slices"

	"livedub/inference"
)

// runs is how often a point is located, each time from another place: the middle of the
// results is steadier than any one of them.
const runs = 12

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
		inside := w.inside(g)
		for i := range stage { // tree by tree, so that each is fetched once for all runs
			w.step(l.depth, &stage[i], g, sign, inside)
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

// inside tells whether g is a crop that no run's window leaves.
func (w *walker) inside(g *gray) bool {
	for i := range runs {
		if !g.inCrop(w.x[i], w.y[i], w.side[i]) {
			return false
		}
	}
	return true
}

// step adds what one tree says to all runs' moves. sign is -1 for the mirror image.
func (w *walker) step(depth int, t *moveTree, g *gray, sign int, inside bool) {
	for i := range runs {
		v := &w.window[i]
		var leaf [2]float32
		if inside {
			leaf = t.leaves[descend(t.nodes, (*cropPixels)(g.pix), depth, v.x, v.y, v.side, sign*v.side)]
		} else {
			leaf = t.leaves[g.descend(t.nodes, depth, v.x, v.y, v.side, sign*v.side)]
		}
		w.dy[i] += leaf[0]
		w.dx[i] += float32(sign) * leaf[1]
	}
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
