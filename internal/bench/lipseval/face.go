package lipseval

import "math"

// tall is how many rows a Face has: under the chin too, for jaws go down.
const tall = int((2.5 - top) * fine)

// raster is what a Face is sampled to.
type raster [tall * cols]feature

// Face is the lower face of a frame, sampled once for all that is compared with it.
type Face struct {
	eyes  Eyes
	sharp raster
	soft  raster               // averaged over 3 by 3 samples
	edges [tall * cols]float32 // how steep luma is
	grain float32              // how steep it mostly is
}

// NewFace samples v.
func NewFace(v View) *Face {
	f := &Face{eyes: v.Eyes}
	fill(f.sharp[:], v)
	f.soft.soften(&f.sharp)
	f.slopes()
	return f
}

// in maps a place in the frame to the face.
func (e Eyes) in(px, py float64) (x, y float64) {
	dx, dy := e.Right.X-e.Left.X, e.Right.Y-e.Left.Y
	px, py = px-(e.Left.X+e.Right.X)/2, py-(e.Left.Y+e.Right.Y)/2
	n := 1 / (dx*dx + dy*dy)
	return (px*dx + py*dy) * n, (py*dx - px*dy) * n
}

// soften fills p with the means of 3 by 3 samples of q.
func (p *raster) soften(q *raster) {
	for r := range tall {
		for c := range cols {
			var sum feature
			n := 0.0
			for y := max(r-1, 0); y <= min(r+1, tall-1); y++ {
				for x := max(c-1, 0); x <= min(c+1, cols-1); x++ {
					for k := range sum {
						sum[k] += q[y*cols+x][k]
					}
					n++
				}
			}
			for k := range sum {
				p[r*cols+c][k] = sum[k] / n
			}
		}
	}
}

// slopes takes the gradient of luma by Sobel's kernel, in luma per sample.
func (f *Face) slopes() {
	at := func(r, c int) float64 { return f.sharp[r*cols+c][0] }
	var some []float64
	for r := 1; r < tall-1; r++ {
		for c := 1; c < cols-1; c++ {
			x := at(r-1, c+1) + 2*at(r, c+1) + at(r+1, c+1) - at(r-1, c-1) - 2*at(r, c-1) - at(r+1, c-1)
			y := at(r+1, c-1) + 2*at(r+1, c) + at(r+1, c+1) - at(r-1, c-1) - 2*at(r-1, c) - at(r-1, c+1)
			g := math.Hypot(x, y) / 8
			f.edges[r*cols+c] = float32(g)
			if (r+c)%4 == 0 {
				some = append(some, g)
			}
		}
	}
	f.grain = float32(Quantile(some, .5))
}

// rises tells whether the face is as steep as least anywhere within reach samples
// to the sides of row r, column c, and down ones up and down.
func (f *Face) rises(r, c, reach, down int, least float32) bool {
	for y := max(r-down, 0); y <= min(r+down, tall-1); y++ {
		for _, there := range f.edges[y*cols+max(c-reach, 0) : y*cols+min(c+reach, cols-1)+1] {
			if there >= least {
				return true
			}
		}
	}
	return false
}
