package face

import (
	"math"

	"livedub/media"
)

const (
	cellsX, cellsY = 32, 18
	cells          = cellsX * cellsY
)

// Between frames of one scene 0.02 of the cells' contrast changes, 0.2 when
// much moves; between two people before the same wall 0.5, between others 1.
const (
	cutChange = .42
	cutJump   = 3   // and as many times more than changed lately, so that a pan is no cut
	flat      = 4.0 // less contrast than that is none
)

// scene remembers the frame before in a few cells, to tell a cut from motion.
type scene struct {
	cells [cells]float64 // brightness less its mean, over their mean contrast
	usual float64        // what changed lately
}

// cut takes the next frame and tells whether it shows another scene. With
// fresh there is nothing to compare with.
func (s *scene) cut(f *media.Frame, fresh bool) bool {
	before := s.cells
	var mean, contrast float64
	for i := range s.cells {
		s.cells[i] = cell(f, i%cellsX, i/cellsX)
		mean += s.cells[i] / cells
	}
	for i := range s.cells {
		s.cells[i] -= mean
		contrast += math.Abs(s.cells[i]) / cells
	}
	var change float64
	for i := range s.cells { // so that a change of light is no cut
		s.cells[i] /= max(contrast, flat)
		change += math.Abs(s.cells[i]-before[i]) / cells
	}
	if fresh || change > cutChange && change > cutJump*s.usual {
		s.usual = 0
		return !fresh
	}
	s.usual += .3 * (change - s.usual)
	return false
}

// cell returns the mean of some of a cell's pixels.
func cell(f *media.Frame, cx, cy int) float64 {
	x0, x1 := cx*f.Width/cellsX, max((cx+1)*f.Width/cellsX, cx*f.Width/cellsX+1)
	y0, y1 := cy*f.Height/cellsY, max((cy+1)*f.Height/cellsY, cy*f.Height/cellsY+1)
	sum, n := 0, 0
	for y := y0; y < y1; y += max((y1-y0)/4, 1) {
		for x := x0; x < x1; x += max((x1-x0)/8, 1) {
			sum += int(f.Y[y*f.YStride+x])
			n++
		}
	}
	return float64(sum) / float64(n)
}
