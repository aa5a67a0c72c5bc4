package lips

import (
	"math"

	"livedub/inference/lips/neural"
)

// cutout is the part of a frame that a net sees: a rectangle in the
// coordinates of pose, stretched to the net's square.
type cutout struct {
	net                      *neural.Net
	pose                     pose
	left, top, right, bottom float64
}

// cutoutOf returns what the net sees of a face. A box is what face detectors
// give, from the brows to below the chin; both cut the face in half between the
// nose and the upper lip.
func cutoutOf(v *view, n *neural.Net) cutout {
	p := v.pose
	p.x, p.y = p.out(v.middle, 0)
	c := cutout{n, p, -1.25, -1.05, 1.25, 1.45}
	if n.Align == neural.Box {
		c.pose.c, c.pose.s = p.eyes(), 0
		c.left, c.top, c.right, c.bottom = -1.05, -1.35, 1.05, 1.45
	}
	w, h := c.right-c.left, c.bottom-c.top
	c.top, c.bottom = c.top-n.Pad[0]*h, c.bottom+n.Pad[1]*h
	c.left, c.right = c.left-n.Pad[2]*w, c.right+n.Pad[3]*w
	return c
}

// cut returns the face as the net sees it, of a frame of so many rows.
func (c cutout) cut(pic frame, rows int) *neural.Image {
	m := matrixOf(rows)
	size := c.net.Size
	out := neural.NewImage(size)
	du, dv := (c.right-c.left)/float64(size), (c.bottom-c.top)/float64(size)
	n := min(max(int(math.Ceil(max(du, dv)*c.pose.eyes()-.25)), 1), 4) // samples a pixel, each way
	for y := range size {
		for x := range size {
			var l, u, v float32
			for k := range n * n {
				sx, sy := (float64(k%n)+.5)/float64(n), (float64(k/n)+.5)/float64(n)
				px, py := c.pose.out(c.left+(float64(x)+sx)*du, c.top+(float64(y)+sy)*dv)
				cu, cv := pic.chroma(px, py)
				l, u, v = l+pic.luma(px, py), u+cu, v+cv
			}
			q := 1 / float32(n*n)
			r, g, b := m.rgb(l*q, u*q, v*q)
			copy(out.Pix[3*(y*size+x):], []uint8{pixel(r), pixel(g), pixel(b)})
		}
	}
	return out
}

// back returns the net's face with its proportions given back, and how face
// coordinates by p lead to it.
func (c cutout) back(face *neural.Image, p pose, rows int) (frame, pose) {
	m := matrixOf(rows)
	size := face.Size
	yuv := [3]plane{}
	for k := range yuv {
		yuv[k] = plane{make([]byte, size*size), size, size, size}
	}
	for i := range size * size {
		l, u, v := m.yuv(float32(face.Pix[3*i]), float32(face.Pix[3*i+1]), float32(face.Pix[3*i+2]))
		yuv[0].b[i], yuv[1].b[i], yuv[2].b[i] = pixel(l), pixel(u), pixel(v)
	}
	w, h := c.right-c.left, c.bottom-c.top
	scale := float64(size) / min(w, h) // pixels in a distance between the eyes
	pw, ph := int(math.Ceil(w*scale/2))*2, int(math.Ceil(h*scale/2))*2
	fx, fy := float64(size)/(w*scale), float64(size)/(h*scale)
	out := frame{
		y:     plane{make([]byte, pw*ph), pw, pw, ph},
		u:     plane{make([]byte, pw*ph/4), pw / 2, pw / 2, ph / 2},
		v:     plane{make([]byte, pw*ph/4), pw / 2, pw / 2, ph / 2},
		scale: 1,
	}
	for y := range ph {
		for x := range pw {
			out.y.b[y*pw+x] = pixel(yuv[0].cubic(float32((float64(x)+.5)*fx-.5), float32((float64(y)+.5)*fy-.5)))
		}
	}
	for y := range ph / 2 {
		for x := range pw / 2 {
			sx, sy := (2*float64(x)+1)*fx-.5, (2*float64(y)+1)*fy-.5
			out.u.b[y*pw/2+x], out.v.b[y*pw/2+x] = pixel(yuv[1].linear(sx, sy)), pixel(yuv[2].linear(sx, sy))
		}
	}
	// Face coordinates lead to the frame, to the cutout, and to its pixels.
	n := scale / (c.pose.c*c.pose.c + c.pose.s*c.pose.s)
	x0, y0 := c.pose.in(p.x, p.y)
	return out, pose{(x0-c.left)*scale - .5, (y0-c.top)*scale - .5,
		n * (p.c*c.pose.c + p.s*c.pose.s), n * (p.s*c.pose.c - p.c*c.pose.s)}
}

// anew tells how much of the place x, y on the face at p the net makes anew,
// with a soft edge.
func (c cutout) anew(p pose, x, y float64) float32 {
	const soft = .05 // of a distance between the eyes
	var sum float64
	for k := range 9 {
		fx, fy := c.pose.in(p.out(x+soft*float64(k%3-1), y+soft*float64(k/3-1)))
		sum += c.net.Anew((fx-c.left)/(c.right-c.left), (fy-c.top)/(c.bottom-c.top))
	}
	return float32(smooth(sum / 9))
}

// matrix leads between limited-range Y, Cb, Cr and red, green, blue, 0..255.
type matrix struct{ r, b float32 } // what red and blue count in luma

// matrixOf returns the matrix that frames of so many rows are usually meant
// in: BT.601, from 720 rows on BT.709.
func matrixOf(rows int) matrix {
	if rows >= 720 {
		return matrix{.2126, .0722}
	}
	return matrix{.299, .114}
}

func (m matrix) rgb(y, u, v float32) (r, g, b float32) {
	y = (y - 16) * 255 / 219
	u, v = (u-128)*255/112, (v-128)*255/112
	r, b = y+v*(1-m.r), y+u*(1-m.b)
	return r, (y - m.r*r - m.b*b) / (1 - m.r - m.b), b
}

func (m matrix) yuv(r, g, b float32) (y, u, v float32) {
	y = m.r*r + (1-m.r-m.b)*g + m.b*b
	return 16 + y*219/255, 128 + (b-y)/(1-m.b)*112/255, 128 + (r-y)/(1-m.r)*112/255
}
