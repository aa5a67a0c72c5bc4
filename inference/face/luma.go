package face

import (
	"math"

	"livedub/inference"
	"livedub/media"
)

// gray is a frame of brightness alone; pixel (x, y) is at pix[y*stride+x].
type gray struct {
	w, h, stride int
	pix          []byte
}

// size makes g w by h pixels of undefined contents, in the memory it has if that is enough.
func (g *gray) size(w, h int) {
	if cap(g.pix) < w*h {
		g.pix = make([]byte, w*h)
	}
	g.w, g.h, g.stride, g.pix = w, h, w, g.pix[:w*h]
}

// shrink makes g the rectangle of f's luma from (x0, y0), each of g's w by h
// pixels the mean of a box of about 1/scale pixels. Where the rectangle leaves
// the frame, the frame's edge goes on.
func (g *gray) shrink(f *media.Frame, x0, y0 int, scale float64, w, h int) {
	g.size(w, h)
	cols := make([]int32, w+1)
	for i := range cols {
		cols[i] = int32(min(max(x0+int(float64(i)/scale), 0), f.Width))
	}
	sums := make([]uint32, f.Width+1) // of the columns of one band, running
	for y := range h {
		top := min(max(y0+int(float64(y)/scale), 0), f.Height-1)
		bottom := min(max(y0+int(float64(y+1)/scale), top+1), f.Height)
		lo, hi := min(int(cols[0]), f.Width-1), max(int(cols[w]), 1)
		band(sums[lo+1:hi+1], f, lo, top, bottom)
		sums[lo] = 0
		var sum uint32
		for x := lo; x < hi; x++ {
			sum += sums[x+1]
			sums[x+1] = sum
		}
		row := g.pix[y*w : (y+1)*w]
		for x := range row {
			a := min(cols[x], int32(f.Width-1))
			b := max(cols[x+1], a+1)
			if n := uint32(b-a) * uint32(bottom-top); int(a) >= lo && int(b) <= hi {
				row[x] = byte((sums[b] - sums[a] + n/2) / n)
			}
		}
	}
}

// band adds up the pixels of rows top to bottom in each column from lo on.
func band(sums []uint32, f *media.Frame, lo, top, bottom int) {
	for i, v := range f.Y[top*f.YStride+lo:][:len(sums)] {
		sums[i] = uint32(v)
	}
	for y := top + 1; y < bottom; y++ {
		for i, v := range f.Y[y*f.YStride+lo:][:len(sums)] {
			sums[i] += uint32(v)
		}
	}
}

// frame is a place to look at a face upright and at one size: the point between
// the eyes, the distance between them in pixels, and the head's roll.
type frame struct {
	mid  inference.Point
	eyes float64 // distance, pixels
	roll float64 // radians, clockwise in the frame
}

// place turns a point in the face's own measure (in eye distances, from between
// the eyes, y down the face) to one in the frame.
func (f frame) place(p inference.Point) inference.Point {
	s, c := math.Sincos(f.roll)
	return inference.Point{X: f.mid.X + f.eyes*(c*p.X-s*p.Y), Y: f.mid.Y + f.eyes*(s*p.X+c*p.Y)}
}

// of turns a point in the frame to the face's own measure.
func (f frame) of(p inference.Point) inference.Point {
	s, c := math.Sincos(f.roll)
	x, y := (p.X-f.mid.X)/f.eyes, (p.Y-f.mid.Y)/f.eyes
	return inference.Point{X: c*x + s*y, Y: c*y - s*x}
}

// frameOf returns the frame of two eyes.
func frameOf(left, right inference.Point) frame {
	dx, dy := right.X-left.X, right.Y-left.Y
	return frame{mid: inference.Point{X: (left.X + right.X) / 2, Y: (left.Y + right.Y) / 2},
		eyes: math.Hypot(dx, dy), roll: math.Atan2(dy, dx)}
}

// What a crop shows, in eye distances from between the eyes: the classifier's
// window with room to move, and the widest windows of the localizers.
const (
	cropSide  = 2.05 // to the left and to the right
	cropAbove = 1.7
	cropBelow = 2.4
	cropEyes  = 60.0 // pixels between the eyes; less for small faces
	maxZoom   = 2.0  // beyond it a crop shows nothing new
)

// cropStride is a crop's stride and more than its height, so that 16 bits are the place of a pixel.
const cropStride = 256

type cropPixels [cropStride * cropStride]byte

// crop is a face cut out of a frame, upright and at one size.
type crop struct {
	gray
	at    frame
	eyes  float64 // pixels of the crop between the eyes
	small gray    // the frame around the face at a whole fraction of its size
}

// cut fills c with the face at at.
func (c *crop) cut(f *media.Frame, at frame) {
	c.at, c.eyes = at, min(cropEyes, maxZoom*at.eyes)
	if c.pix == nil {
		c.pix = make([]byte, len(cropPixels{}))
	}
	c.w, c.h, c.stride = int(2*cropSide*c.eyes)+1, int((cropAbove+cropBelow)*c.eyes)+1, cropStride
	// First whole pixels are averaged, so that the turning below skips none.
	k := max(int(at.eyes/c.eyes), 1)
	if k == 1 {
		c.turn(&gray{w: f.Width, h: f.Height, stride: f.YStride, pix: f.Y}, 0, 0, 1)
		return
	}
	lo := inference.Point{X: math.Inf(1), Y: math.Inf(1)}
	hi := inference.Point{X: math.Inf(-1), Y: math.Inf(-1)}
	for _, p := range []inference.Point{{X: -cropSide, Y: -cropAbove}, {X: cropSide, Y: -cropAbove}, {X: -cropSide, Y: cropBelow}, {X: cropSide, Y: cropBelow}} {
		p = at.place(p)
		lo.X, lo.Y, hi.X, hi.Y = min(lo.X, p.X), min(lo.Y, p.Y), max(hi.X, p.X), max(hi.Y, p.Y)
	}
	within := func(v float64, n int) int { return min(max(int(math.Floor(v)), 0), n-1) }
	// Boxes start at whole multiples of k, so that a still frame stays still.
	x0, y0 := within(lo.X, f.Width)/k*k, within(lo.Y, f.Height)/k*k
	x1, y1 := within(hi.X+2, f.Width), within(hi.Y+2, f.Height)
	c.small.shrink(f, x0, y0, 1/float64(k), (x1-x0)/k+1, (y1-y0)/k+1)
	c.turn(&c.small, float64(x0), float64(y0), float64(k))
}

// turn samples c from src, whose first pixel is the box of k by k at (x0, y0).
func (c *crop) turn(src *gray, x0, y0, k float64) {
	const one = 1 << 16
	sin, cos := math.Sincos(c.at.roll)
	step := c.at.eyes / c.eyes / k
	start := c.at.place(inference.Point{X: -cropSide, Y: -cropAbove})
	// The middle of a box of k pixels lies (k-1)/2 after its first.
	ox, oy := (start.X-x0-(k-1)/2)/k, (start.Y-y0-(k-1)/2)/k
	dx, dy := int(cos*step*one), int(sin*step*one)
	for v := range c.h {
		x := int((ox - sin*step*float64(v)) * one)
		y := int((oy + cos*step*float64(v)) * one)
		row := c.pix[v*c.stride:][:c.w]
		for u := range row {
			ix, iy := x>>16, y>>16
			if uint(ix) < uint(src.w-1) && uint(iy) < uint(src.h-1) {
				fx, fy := x&(one-1)>>8, y&(one-1)>>8
				p := src.pix[iy*src.stride+ix:]
				q := p[src.stride:][:2]
				a := int(p[0])<<8 + (int(p[1])-int(p[0]))*fx
				b := int(q[0])<<8 + (int(q[1])-int(q[0]))*fx
				row[u] = byte((a<<8 + (b-a)*fy + 1<<15) >> 16)
			} else { // the frame's edge goes on
				row[u] = src.pix[min(max(iy, 0), src.h-1)*src.stride+min(max(ix, 0), src.w-1)]
			}
			x += dx
			y += dy
		}
	}
}

// own turns a place in the crop to the face's own measure, as of c.at.
func (c *crop) own(x, y float64) inference.Point {
	return inference.Point{X: x/c.eyes - cropSide, Y: y/c.eyes - cropAbove}
}

// pixel turns a place in the face's own measure, as of c.at, to the crop's pixels.
func (c *crop) pixel(p inference.Point) (x, y float64) {
	return (p.X + cropSide) * c.eyes, (p.Y + cropAbove) * c.eyes
}
