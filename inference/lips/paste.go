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
	mouth  shape   // where the new mouth lands, in the frame's face coordinates
	old    shape   // the mouth before
	drop   float64 // opening beyond the frame's own: moves the chin
	amount float64
	still  float64 // a twentieth of a pixel
	mask   mask
	tint   [3]tint // by plane
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
		if r.also != nil && p.mask[i] > 0 {
			p.mask[i] *= r.also(x, y)
		}
	}
	if p.layer.own {
		p.match()
	}
	p.luma()
	if p.layer.own {
		p.sharpen(p.cover, p.crisp)
	}
	p.chroma()
	return p.rect
}

func (p *paste) luma() {
	src := p.layer.src
	x0, y0 := p.local(0, 0)
	xx, xy := p.local(1, 0)
	xx, xy = xx-x0, xy-y0 // one pixel to the right
	for py := p.rect.Min.Y; py < p.rect.Max.Y; py++ {
		row := p.dst.Y[py*p.dst.YStride:]
		x, y := p.local(float64(p.rect.Min.X), float64(py))
		for px := p.rect.Min.X; px < p.rect.Max.X; px, x, y = px+1, x+xx, y+xy {
			a := p.mask.at(x, y)
			d := p.chin(x, y)
			p.cover[(py-p.rect.Min.Y)*p.rect.Dx()+px-p.rect.Min.X] = byte(a * 255)
			if a <= 0 && d == 0 {
				continue
			}
			v := float32(row[px])
			if a < 1 && d != 0 {
				v = p.skin(px, py, d)
			}
			if a > 0 {
				sx, sy, dark := p.layer.warp.back(x, y)
				fx, fy := src.at(p.source(sx, sy))
				n := src.y.cubic(float32(fx), float32(fy))
				if ox, oy, share, shade := p.layer.warp.seam(x, y); share > 0 || shade > 0 {
					gx, gy := src.at(p.source(ox, oy))
					n = mix(n, src.y.cubic(float32(gx), float32(gy)), float32(share))
					n -= float32(.3*shade) * (n - 16)
				}
				n += p.tint[0].at(x, y)
				if dark > 0 && !p.layer.own {
					c, share := p.depth(x, y, dark)
					n = mix(n, c[0], share)
				}
				v = mix(v, n, a)
			}
			row[px] = pixel(v)
		}
	}
}

// skin reads the frame as it came where the skin of a pixel comes from that
// goes down by d: hardly to the side, so that there linear interpolation does.
func (p *paste) skin(px, py int, d float64) float32 {
	ox, oy := p.before.at(float64(px)+p.pose.s*d, float64(py)-p.pose.c*d)
	left := math.Floor(ox)
	v := p.before.y.cubicDown(int(left), float32(oy))
	if part := float32(ox - left); part > 1./phases {
		v = mix(v, p.before.y.cubicDown(int(left)+1, float32(oy)), part)
	}
	return v
}

func (p *paste) chroma() {
	src, own := p.layer.src, p.before
	for cy := p.rect.Min.Y / 2; cy < p.rect.Max.Y/2; cy++ {
		for cx := p.rect.Min.X / 2; cx < p.rect.Max.X/2; cx++ {
			px, py := 2*float64(cx)+.5, 2*float64(cy)+.5
			x, y := p.local(px, py)
			a := p.mask.at(x, y)
			d := p.chin(x, y)
			if a <= 0 && d == 0 {
				continue
			}
			var u, v float32
			if a < 1 {
				u, v = own.chroma(px+p.pose.s*d, py-p.pose.c*d)
			}
			if a > 0 {
				sx, sy, dark := p.layer.warp.back(x, y)
				nu, nv := src.chroma(p.source(sx, sy))
				if ox, oy, share, _ := p.layer.warp.seam(x, y); share > 0 {
					gu, gv := src.chroma(p.source(ox, oy))
					nu, nv = mix(nu, gu, float32(share)), mix(nv, gv, float32(share))
				}
				nu, nv = nu+p.tint[1].at(x, y), nv+p.tint[2].at(x, y)
				if dark > 0 && !p.layer.own {
					c, share := p.depth(x, y, dark)
					nu, nv = mix(nu, c[1], share), mix(nv, c[2], share)
				}
				u, v = mix(u, nu, a), mix(v, nv, a)
			}
			p.dst.U[cy*p.dst.UVStride+cx], p.dst.V[cy*p.dst.UVStride+cx] = pixel(u), pixel(v)
		}
	}
}

// inside chooses colours for an inside of the mouth that was never seen, by the lips'.
func (p *paste) inside(lips [3]float32) {
	p.deep = [3]float32{16 + .28*(lips[0]-16), mix(128, lips[1], .7), mix(128, lips[2], .7)}
	p.teeth = [3]float32{min(1.1*lips[0], 180), mix(128, lips[1], .35), mix(128, lips[2], .35)}
}

// depth is the colour of an open mouth's inside where none was seen: a dark
// hollow with a shade of upper teeth below the lip. dark says how much of the
// place it takes: less at the lips' edges.
func (p *paste) depth(x, y, dark float64) (colour [3]float32, share float32) {
	w := p.layer.warp
	bow := max(0, 1-square(2*x/w.width))
	open, in := (w.lower-w.upper)*bow, y-w.upper*bow
	share = float32(dark * smooth(in/.02) * smooth((open-in)/.03))
	t := float32(.8 * smooth((.45*open-in)/.035) * smooth(bow*2-.5) * smooth((open-.06)/.08))
	light := float32(1 + .5*smooth((in-.6*open)/(.4*open+.001))*.5)
	for k := range colour {
		colour[k] = mix(p.deep[k], p.teeth[k], t)
	}
	colour[0] *= light
	return colour, share
}
