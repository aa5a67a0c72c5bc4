package lips

import (
	"image"
	"math"

	"livedub/media"
)

// layer is a mouth to be laid over the one in a frame.
type layer struct {
	src    frame
	pose   pose
	dx, dy float64 // how much of the layer's mouth lies beside the frame's, moved back
	sy     float64 // stretch up and down, from the frame's to the layer's
	warp   warp
	own    bool // another frame's mouth: colours must be matched
	fixed  bool // it lies where it belongs, wholly: it is neither moved nor cut
}

// paste is the work on one frame.
type paste struct {
	dst    *media.Frame
	before frame // the region as it came
	pose   pose
	layer  layer
	edge   [2]*outline // of the face in the frame and in the layer
	mouth  shape       // where the new mouth lands, in the frame's face coordinates
	old    shape       // the mouth before
	drop   float64     // opening beyond the frame's own: moves the chin
	amount float64
	still  float64 // a twentieth of a pixel
	mask   mask
	tint   [3]tint // by plane
	hung   bool    // nothing was laid: a corner would have hung over the face's edge
	rect   image.Rectangle
	cover  []byte     // of the mask, by pixel of rect
	crisp  float32    // strength of sharpening
	deep   [3]float32 // colour of an open mouth's depth
	teeth  [3]float32 // and of its teeth
}

// tint is a colour offset that changes evenly over the mouth.
type tint struct{ a, x, y float64 }

func (t tint) at(x, y float64) float32 { return float32(t.a + t.x*x + t.y*y) }

// bounds returns the pixels that may change, even on all sides.
func (p *paste) bounds() image.Rectangle {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range [][2]float64{{-.76, -.52}, {.76, -.52}, {-.76, jawGone + .02}, {.76, jawGone + .02}} {
		x, y := p.pose.out(p.mouth.x+c[0], p.mouth.y+c[1])
		minX, maxX = min(minX, x), max(maxX, x)
		minY, maxY = min(minY, y), max(maxY, y)
	}
	r := image.Rect(int(minX)&^1, int(minY)&^1, (int(maxX)+2)&^1, (int(maxY)+2)&^1)
	return r.Intersect(image.Rect(0, 0, p.dst.Width&^1, p.dst.Height&^1))
}

// local maps a pixel to the coordinates of the new mouth.
func (p *paste) local(px, py float64) (x, y float64) {
	x, y = p.pose.in(px, py)
	x, y = x-p.mouth.x, y-p.mouth.y
	return x, y - p.mouth.tilt*x
}

// global maps a place on the new mouth to the frame.
func (p *paste) global(x, y float64) (px, py float64) {
	return p.pose.out(x+p.mouth.x, y+p.mouth.tilt*x+p.mouth.y)
}

// source maps a place on the mouth that there is to the layer's frame.
func (p *paste) source(x, y float64) (px, py float64) {
	s := p.layer.warp.from
	x, y = x+p.layer.dx, y*p.layer.sy+p.layer.dy
	return p.layer.pose.out(x+s.x, y+s.tilt*x+s.y)
}

// sunk maps a place on the new mouth to the pixel its skin comes from, when the chin moves.
func (p *paste) sunk(x, y float64) (px, py float64) {
	px, py = p.global(x, y)
	d := p.chin(x, y)
	return px + p.pose.s*d, py - p.pose.c*d
}

// chin returns how far the skin at x, y goes down; less than a twentieth of a
// pixel is nothing.
func (p *paste) chin(x, y float64) float64 {
	d := jaw(x, y, p.drop*p.amount)
	if math.Abs(d) < p.still {
		return 0
	}
	return d
}

// run changes the frame and returns the pixels that may have changed.
func (p *paste) run(r region) image.Rectangle {
	p.rect, p.still = p.bounds(), .05/p.pose.eyes()
	if p.rect.Empty() {
		return p.rect
	}
	for i := range p.mask {
		x, y := p.mask.place(i)
		p.mask[i] = float32(r.cover(x, y) * p.amount)
		if p.mask[i] == 0 {
			continue
		}
		if r.also != nil {
			p.mask[i] *= r.also(x, y)
		}
		p.mask[i] *= float32(p.face(x, y))
	}
	if p.layer.own {
		p.match()
		if p.hung = p.hangs(r); p.hung {
			return image.Rectangle{}
		}
	}
	p.lay(luma)
	if p.layer.own {
		p.sharpen(p.cover, p.crisp)
	}
	p.lay(chroma)
	return p.rect
}

// undo gives the frame back what it had before.
func (p *paste) undo() {
	w, x := p.rect.Dx(), p.rect.Min.X
	for y := range p.rect.Dy() {
		copy(p.dst.Y[(p.rect.Min.Y+y)*p.dst.YStride+x:][:w], p.before.y.b[y*p.before.y.stride:])
	}
	for y := range p.rect.Dy() / 2 {
		at := (p.rect.Min.Y/2+y)*p.dst.UVStride + x/2
		copy(p.dst.U[at:][:w/2], p.before.u.b[y*p.before.u.stride:])
		copy(p.dst.V[at:][:w/2], p.before.v.b[y*p.before.v.stride:])
	}
}

// planes are those of a frame that have one resolution.
type planes int

const (
	luma   planes = 1 // Y
	chroma planes = 2 // U and V, a sample for every two pixels each way
)

// colour is what a place has in luma (its first number) or chroma (both).
type colour [2]float32

func (c *colour) mix(o colour, share float32) {
	c[0], c[1] = mix(c[0], o[0], share), mix(c[1], o[1], share)
}

// lay lays the new mouth over the frame, and the chin's skin where it moves.
func (p *paste) lay(on planes) {
	step := int(on)
	x0, y0 := p.local(0, 0)
	xx, xy := p.local(float64(step), 0)
	xx, xy = xx-x0, xy-y0          // one sample to the right
	middle := .5 * float64(step-1) // of the pixels that a sample stands for
	for py := p.rect.Min.Y; py < p.rect.Max.Y; py += step {
		fy := float64(py) + middle
		x, y := p.local(float64(p.rect.Min.X)+middle, fy)
		for px := p.rect.Min.X; px < p.rect.Max.X; px, x, y = px+step, x+xx, y+xy {
			a, d := p.mask.at(x, y), p.chin(x, y)
			if on == luma {
				p.cover[(py-p.rect.Min.Y)*p.rect.Dx()+px-p.rect.Min.X] = byte(a * 255)
			}
			if a <= 0 && d == 0 {
				continue
			}
			var v colour
			if a < 1 {
				v = p.skin(on, float64(px)+middle, fy, d)
			}
			if a > 0 {
				v.mix(p.moved(on, x, y), a)
			}
			if on == luma {
				p.dst.Y[py*p.dst.YStride+px] = pixel(v[0])
			} else {
				i := py/2*p.dst.UVStride + px/2
				p.dst.U[i], p.dst.V[i] = pixel(v[0]), pixel(v[1])
			}
		}
	}
}

// moved returns what the new mouth has at x, y.
func (p *paste) moved(on planes, x, y float64) colour {
	sx, sy, dark := p.layer.warp.back(x, y)
	v := p.read(on, sx, sy)
	if ox, oy, share, shade := p.layer.warp.seam(x, y); share > 0 || on == luma && shade > 0 {
		v.mix(p.read(on, ox, oy), float32(share))
		if on == luma {
			v[0] -= float32(.3*shade) * (v[0] - 16)
		}
	}
	if on == luma {
		v[0] += p.tint[0].at(x, y)
	} else {
		v[0], v[1] = v[0]+p.tint[1].at(x, y), v[1]+p.tint[2].at(x, y)
	}
	if dark > 0 && !p.layer.own {
		c, share := p.depth(x, y, dark)
		if on == luma {
			v[0] = mix(v[0], c[0], share)
		} else {
			v.mix(colour{c[1], c[2]}, share)
		}
	}
	return v
}

// read reads the layer at x, y of the mouth that there is.
func (p *paste) read(on planes, x, y float64) (v colour) {
	px, py := p.source(x, y)
	if on == luma {
		fx, fy := p.layer.src.at(px, py)
		v[0] = p.layer.src.y.cubic(float32(fx), float32(fy))
	} else {
		v[0], v[1] = p.layer.src.chroma(px, py)
	}
	return v
}

// skin reads the frame as it came where the skin of a pixel comes from that goes
// down by d: hardly to the side, so that there linear interpolation does.
func (p *paste) skin(on planes, px, py, d float64) (v colour) {
	if on == chroma {
		v[0], v[1] = p.before.chroma(px+p.pose.s*d, py-p.pose.c*d)
		return v
	}
	if d == 0 {
		v[0] = float32(p.dst.Y[int(py)*p.dst.YStride+int(px)])
		return v
	}
	ox, oy := p.before.at(px+p.pose.s*d, py-p.pose.c*d)
	left := math.Floor(ox)
	v[0] = p.before.y.cubicDown(int(left), float32(oy))
	if part := float32(ox - left); part > 1./phases {
		v[0] = mix(v[0], p.before.y.cubicDown(int(left)+1, float32(oy)), part)
	}
	return v
}

// inside chooses colours for an inside of the mouth that was never seen, by the lips'.
func (p *paste) inside(lips [3]float32) {
	p.deep = [3]float32{16 + .28*(lips[0]-16), mix(128, lips[1], .7), mix(128, lips[2], .7)}
	p.teeth = [3]float32{min(1.1*lips[0], 180), mix(128, lips[1], .35), mix(128, lips[2], .35)}
}

// depth is the colour of an open mouth's inside where none was seen: a dark
// hollow with a shade of upper teeth below the lip. dark says how much of the
// place it takes: less at the lips' edges.
func (p *paste) depth(x, y, dark float64) (hollow [3]float32, share float32) {
	w := p.layer.warp
	bow := max(0, 1-square(2*x/w.width))
	open, in := (w.lower-w.upper)*bow, y-w.upper*bow
	share = float32(dark * smooth(in/.02) * smooth((open-in)/.03))
	t := float32(.8 * smooth((.45*open-in)/.035) * smooth(bow*2-.5) * smooth((open-.06)/.08))
	light := float32(1 + .5*smooth((in-.6*open)/(.4*open+.001))*.5)
	for k := range hollow {
		hollow[k] = mix(p.deep[k], p.teeth[k], t)
	}
	hollow[0] *= light
	return hollow, share
}
