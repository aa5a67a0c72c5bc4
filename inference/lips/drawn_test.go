package lips

import (
	"math"

	"livedub/inference"
	"livedub/media"
)

// drawn is a face drawn by code: skin, eyes, nostrils and a mouth of known shape.
type drawn struct {
	x, y, eyes    float64 // tip of the nose and distance between the eyes, pixels
	roll          float64
	height, width float64 // of the mouth, in distances between the eyes
	skin          byte    // brightness
	hand          bool    // before the mouth
	yaw           float64 // that a tracker tells; the face looks the same
	cheek         float64 // where the face ends to the left, from its middle; 0: where it does to the right
	beard         bool
}

const mouthBelow = .5 // from the tip of the nose

func (d drawn) pose() pose {
	return pose{d.x, d.y, d.eyes * math.Cos(d.roll), d.eyes * math.Sin(d.roll)}
}

func (d drawn) face(id int) inference.Face {
	p := d.pose()
	at := func(x, y float64) inference.Point {
		px, py := p.out(x, y)
		return inference.Point{X: px, Y: py}
	}
	return inference.Face{
		ID: id, Confidence: 1, Since: -1e9, Center: at(0, -.1), Size: 2.4 * d.eyes, Roll: d.roll, Yaw: d.yaw,
		LeftEye: at(-.5, -.6), RightEye: at(.5, -.6), Nose: at(0, 0),
		MouthLeft: at(-d.width/2, mouthBelow), MouthRight: at(d.width/2, mouthBelow),
		UpperLip: at(0, mouthBelow-d.height/2-.08), LowerLip: at(0, mouthBelow+d.height/2+.1),
	}
}

// colour returns the frame's colour at a place on the face.
func (d drawn) colour(x, y float64) (cy, cu, cv float64) {
	if d.hand && math.Abs(x) < .7 && y > .2 && y < .9 {
		return 190 - 40*math.Abs(math.Sin(9*x)), 112, 150
	}
	if square(x/1.05)+square((y+.1)/1.5) > 1 || d.cheek > 0 && x < -d.cheek {
		return 60, 140, 110 // behind the face
	}
	cy, cu, cv = float64(d.skin)+12*x-8*y, 112, 150
	for _, e := range []float64{-.5, .5} {
		if square((x-e)/.16)+square((y+.6)/.09) < 1 {
			return 50, 128, 128
		}
		if square((x-.3*e)/.07)+square((y-.1)/.04) < 1 {
			return 60, 120, 140
		}
	}
	cy += 25 * math.Exp(-(x*x+square(y+.1))/.02) // shine on the nose
	if d.beard && square(x/.6)+square((y-mouthBelow-.05)/.4) < 1 {
		cy, cu, cv = .4*cy, 120, 136
	}
	bow := 1 - square(2*x/d.width)
	if bow <= 0 {
		return cy, cu, cv
	}
	dy, half := y-mouthBelow, d.height/2*bow
	switch {
	case math.Abs(dy) < half:
		if dy < -.2*half {
			return 200, 124, 130 // upper teeth
		}
		return 35, 126, 135
	case dy < 0 && dy > -half-.08*math.Sqrt(bow), dy > 0 && dy < half+.1*math.Sqrt(bow):
		return float64(d.skin) - 30, 108, 172
	}
	return cy, cu, cv
}

// draw paints the face, smoothly, into a new frame.
func (d drawn) draw(w, h int) *media.Frame {
	f := media.NewFrame(w, h)
	p := d.pose()
	for py := range h {
		for px := range w {
			var sum float64
			for k := range 4 {
				x, y := p.in(float64(px)+float64(k%2)*.5-.25, float64(py)+float64(k/2)*.5-.25)
				c, _, _ := d.colour(x, y)
				sum += c / 4
			}
			f.Y[py*f.YStride+px] = byte(sum + .5)
		}
	}
	for cy := range (h + 1) / 2 {
		for cx := range (w + 1) / 2 {
			_, u, v := d.colour(p.in(2*float64(cx)+.5, 2*float64(cy)+.5))
			f.U[cy*f.UVStride+cx], f.V[cy*f.UVStride+cx] = byte(u), byte(v)
		}
	}
	return f
}

// opening reads the height of the mouth from a frame by its own rule: the
// run of what is as bright as teeth or as dark as the throat down the middle.
func (d drawn) opening(f *media.Frame) float64 {
	p, n := d.pose(), 0
	for y := .2; y < .95; y += .005 {
		px, py := p.out(0, y)
		if v := frameOf(f).luma(px, py); v < 85 || v > 172 {
			n++
		}
	}
	return float64(n) * .005
}

// across reads the width of the mouth from a frame by its own rule: the run,
// along the line between the corners, of what is as red as lips, as bright as
// teeth or as dark as the throat.
func (d drawn) across(f *media.Frame) float64 {
	p, n, pic := d.pose(), 0, frameOf(f)
	for x := -.65; x < .65; x += .005 {
		found := false
		for _, dy := range []float64{-.03, 0, .03} {
			px, py := p.out(x, mouthBelow+dy)
			_, v := pic.chroma(px, py)
			l := pic.luma(px, py)
			found = found || v > 161 || l < 85 || l > 172
		}
		if found {
			n++
		}
	}
	return float64(n) * .005
}
