package lipseval

import (
	"image"
	"math"

	"livedub/media"
)

// Region is what a renderer changed in a frame: of each row the pixels from
// the first to the last that differ from the source in luma, within a box. A
// box alone could be drawn so large that little in it ever changes.
type Region struct {
	Box  image.Rectangle // the smallest that holds all rows
	rows [][2]int        // of Box: first and one after the last; equal where nothing changed
}

// Changed finds the region in box.
func Changed(source, made *media.Frame, box image.Rectangle) Region {
	box = box.Intersect(image.Rect(0, 0, source.Width, source.Height))
	r := Region{}
	var all [][2]int
	top, bottom := -1, -1
	for y := box.Min.Y; y < box.Max.Y; y++ {
		a, b := source.Y[y*source.YStride:], made.Y[y*made.YStride:]
		first, last := box.Max.X, box.Min.X
		for x := box.Min.X; x < box.Max.X; x++ {
			if a[x] != b[x] {
				first, last = min(first, x), x+1
			}
		}
		if first >= last {
			first, last = box.Min.X, box.Min.X
		} else {
			if top < 0 {
				top, r.Box.Min.X, r.Box.Max.X = y, first, last
			}
			bottom = y + 1
			r.Box.Min.X, r.Box.Max.X = min(r.Box.Min.X, first), max(r.Box.Max.X, last)
		}
		all = append(all, [2]int{first, last})
	}
	if top >= 0 {
		r.Box.Min.Y, r.Box.Max.Y = top, bottom
		r.rows = all[top-box.Min.Y : bottom-box.Min.Y]
	}
	return r
}

// row returns the first pixel and one after the last of row y.
func (r Region) row(y int) (from, to int) {
	if y < r.Box.Min.Y || y >= r.Box.Max.Y {
		return 0, 0
	}
	s := r.rows[y-r.Box.Min.Y]
	return s[0], s[1]
}

// Sharpness returns the energy of luma's Laplacian over the region: the sum of its squares.
func (r Region) Sharpness(f *media.Frame) float64 {
	var sum float64
	for y := max(r.Box.Min.Y, 1); y < min(r.Box.Max.Y, f.Height-1); y++ {
		from, to := r.row(y)
		p := f.Y[y*f.YStride:]
		up, down := f.Y[(y-1)*f.YStride:], f.Y[(y+1)*f.YStride:]
		for x := max(from, 1); x < min(to, f.Width-1); x++ {
			d := float64(4*int(p[x]) - int(p[x-1]) - int(p[x+1]) - int(up[x]) - int(down[x]))
			sum += d * d
		}
	}
	return sum
}

// Flicker returns the sum over the region of how much the fine detail of luma,
// what is smaller than about radius pixels, differs between two frames.
func (r Region) Flicker(before, now *media.Frame, radius int) float64 {
	a, b := detail(before, r.Box, radius), detail(now, r.Box, radius)
	var sum float64
	for y := r.Box.Min.Y; y < r.Box.Max.Y; y++ {
		from, to := r.row(y)
		for x := from; x < to; x++ {
			i := (y-r.Box.Min.Y)*r.Box.Dx() + x - r.Box.Min.X
			sum += math.Abs(a[i] - b[i])
		}
	}
	return sum
}

// detail returns luma in box less its mean over 2*radius+1 pixels a side.
func detail(f *media.Frame, box image.Rectangle, radius int) []float64 {
	wide := box.Inset(-radius).Intersect(image.Rect(0, 0, f.Width, f.Height))
	w := wide.Dx() + 1
	sum := make([]float64, w*(wide.Dy()+1)) // of all above and to the left
	for y := range wide.Dy() {
		var row float64
		for x := range wide.Dx() {
			row += float64(f.Y[(wide.Min.Y+y)*f.YStride+wide.Min.X+x])
			sum[(y+1)*w+x+1] = sum[y*w+x+1] + row
		}
	}
	out := make([]float64, 0, box.Dx()*box.Dy())
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			x0, x1 := max(x-radius, wide.Min.X)-wide.Min.X, min(x+radius+1, wide.Max.X)-wide.Min.X
			y0, y1 := max(y-radius, wide.Min.Y)-wide.Min.Y, min(y+radius+1, wide.Max.Y)-wide.Min.Y
			mean := (sum[y1*w+x1] - sum[y0*w+x1] - sum[y1*w+x0] + sum[y0*w+x0]) / float64((x1-x0)*(y1-y0))
			out = append(out, float64(f.Y[y*f.YStride+x])-mean)
		}
	}
	return out
}

// Seam returns the sum along the region's edge of the step in colour across it,
// in all three planes: between the means of what lies inside and outside, reach
// pixels deep and as many along the edge to either side, so that texture counts little.
func (r Region) Seam(f *media.Frame, reach int) float64 {
	var sum float64
	for y := r.Box.Min.Y; y < r.Box.Max.Y; y++ {
		if from, to := r.row(y); to-from >= 2*reach {
			sum += step(f, from, y, 1, 0, reach) + step(f, to-1, y, -1, 0, reach)
		}
	}
	for x := r.Box.Min.X; x < r.Box.Max.X; x++ {
		top, bottom := -1, -1
		for y := r.Box.Min.Y; y < r.Box.Max.Y; y++ {
			if from, to := r.row(y); x >= from && x < to {
				if top < 0 {
					top = y
				}
				bottom = y
			}
		}
		if top >= 0 && bottom-top >= 2*reach {
			sum += step(f, x, top, 0, 1, reach) + step(f, x, bottom, 0, -1, reach)
		}
	}
	return sum
}

// step returns the step in colour at an edge whose first pixel inside is x, y; dx, dy leads inwards.
func step(f *media.Frame, x, y, dx, dy, reach int) float64 {
	var in, out [3]float64
	for along := -reach; along <= reach; along++ {
		x, y := x+along*dy, y+along*dx
		for i := range reach {
			add(&in, f, x+i*dx, y+i*dy)
			add(&out, f, x-(i+1)*dx, y-(i+1)*dy)
		}
	}
	var sum float64
	for k := range in {
		sum += math.Abs(in[k] - out[k])
	}
	return sum / float64(reach*(2*reach+1))
}

func add(sum *[3]float64, f *media.Frame, x, y int) {
	x, y = min(max(x, 0), f.Width-1), min(max(y, 0), f.Height-1)
	sum[0] += float64(f.Y[y*f.YStride+x])
	i := y/2*f.UVStride + x/2
	sum[1] += float64(f.U[i])
	sum[2] += float64(f.V[i])
}
