// Package lipseval estimates mouths in frames by colour and light alone, to score
// what re-renders them. It shares nothing with the tracker that drives the
// rendering but, for each frame, the line between the eyes; docs/LIPS-EVALUATION.md
// has the method.
package lipseval

import (
	"math"

	"livedub/inference"
	"livedub/media"
)

// Eyes is the line between the pupils, in pixels: it says where a face is, how
// large and how it leans, and nothing about its mouth.
type Eyes struct{ Left, Right inference.Point }

// Distance returns the distance between the eyes in pixels, the unit of every Mouth.
func (e Eyes) Distance() float64 { return math.Hypot(e.Right.X-e.Left.X, e.Right.Y-e.Left.Y) }

// at maps a place on the face to the frame: the origin lies between the eyes,
// x runs along them to the frame's right, y down the face, in distances between them.
func (e Eyes) at(x, y float64) (px, py float64) {
	dx, dy := e.Right.X-e.Left.X, e.Right.Y-e.Left.Y
	return (e.Left.X+e.Right.X)/2 + dx*x - dy*y, (e.Left.Y+e.Right.Y)/2 + dy*x + dx*y
}

// View is a frame of a face.
type View struct {
	Frame *media.Frame
	Eyes  Eyes
}

// The part of a face that is looked at, in distances between the eyes, and how finely.
const (
	left, right = -.875, .875
	top, bottom = .5, 2.0
	fine        = 64 // samples per distance
	cols        = int((right - left) * fine)
	rows        = int((bottom - top) * fine)
)

// feature is the colour of one sample: Y, Cb and Cr, 0..1.
type feature [3]float64

// patch is the lower face, brought to one size and upright: rows of cols features.
type patch [rows * cols]feature

// row and column of a place on the face, in samples.
func rowOf(y float64) float64 { return (y-top)*fine - .5 }
func colOf(x float64) float64 { return (x-left)*fine - .5 }
func yOf(row float64) float64 { return top + (row+.5)/fine }
func xOf(col float64) float64 { return left + (col+.5)/fine }

// fill samples the lower face of v.
func (p *patch) fill(v View) { fill(p[:], v) }

// fill samples as many rows of a face as p has, from the top. What lies outside
// the frame repeats its edge.
func fill(p []feature, v View) {
	// Large faces are averaged over the area of a sample, so that noise and sharpness count less.
	k := max(1, int(math.Ceil(v.Eyes.Distance()/fine)))
	step := 1 / float64(fine*k)
	f := v.Frame
	luma := plane{f.Y, f.YStride, f.Width, f.Height}
	u := plane{f.U, f.UVStride, (f.Width + 1) / 2, (f.Height + 1) / 2}
	w := plane{f.V, f.UVStride, (f.Width + 1) / 2, (f.Height + 1) / 2}
	for r := range len(p) / cols {
		for c := range cols {
			var y, cb, cr float64
			for j := range k {
				for i := range k {
					px, py := v.Eyes.at(left+float64(c)/fine+(float64(i)+.5)*step, top+float64(r)/fine+(float64(j)+.5)*step)
					y += luma.at(px, py)
					if (i+j)%2 == 0 {
						cb += u.at(px/2-.25, py/2-.25)
						cr += w.at(px/2-.25, py/2-.25)
					}
				}
			}
			n := float64(k * k)
			half := math.Ceil(n / 2)
			p[r*cols+c] = feature{y / n / 255, cb / half / 255, cr / half / 255}
		}
	}
}

type plane struct {
	b            []byte
	stride, w, h int
}

// at returns the value at a place, pixel centres at whole numbers, by linear interpolation.
func (p plane) at(x, y float64) float64 {
	x, y = min(max(x, 0), float64(p.w-1)), min(max(y, 0), float64(p.h-1))
	i, j := min(int(x), max(p.w-2, 0)), min(int(y), max(p.h-2, 0))
	fx, fy := x-float64(i), y-float64(j)
	a := p.b[j*p.stride+i:]
	b := a
	if p.h > 1 {
		b = p.b[(j+1)*p.stride+i:]
	}
	i = min(1, p.w-1)
	t := float64(a[0]) + (float64(a[i])-float64(a[0]))*fx
	u := float64(b[0]) + (float64(b[i])-float64(b[0]))*fx
	return t + (u-t)*fy
}
