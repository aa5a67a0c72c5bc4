package face

import (
	"math"

	"livedub/media"
)

const (
	cellsX, cellsY = 32, 18
	cells          = cellsX * cellsY
)

// scene remembers the picture before in a few cells, to tell a cut from motion.
type scene struct{ cells [cells]float64 }

// cut takes the next picture and tells whether it shows another scene. With
// fresh there is nothing to compare with.
func (s *scene) cut(f *media.Frame, fresh bool) bool {
	before := s.cells
	for i := range s.cells {
		s.cells[i] = cell(f, i%cellsX, i/cellsX)
	}
	if fresh {
		return false
	}
	// Without their means, so that a change of light is no cut.
	var m, n float64
	for i := range before {
		m += before[i] / cells
		n += s.cells[i] / cells
	}
	var change, contrast float64
	for i := range before {
		a, b := before[i]-m, s.cells[i]-n
		change += math.Abs(a-b) / cells
		contrast += max(math.Abs(a), math.Abs(b)) / cells
	}
	return change > 8 && change > .6*contrast
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
