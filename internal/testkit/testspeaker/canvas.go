package testspeaker

// rgb is a colour, each part 0..255.
type rgb [3]float32

func mix(a, b rgb, t float64) rgb {
	f := float32(t)
	return rgb{a[0] + (b[0]-a[0])*f, a[1] + (b[1]-a[1])*f, a[2] + (b[2]-a[2])*f}
}

// yuv converts to limited-range BT.601.
func (c rgb) yuv() [3]float32 {
	r, g, b := c[0]/255, c[1]/255, c[2]/255
	return [3]float32{16 + 65.481*r + 128.553*g + 24.966*b, 128 - 37.797*r - 74.203*g + 112*b, 128 + 112*r - 93.786*g - 18.214*b}
}

// canvas is what the part of the portrait that never changes is painted on.
type canvas struct {
	w, h  int
	scale float64 // pixels per unit of the portrait
	zero  pt      // where the portrait's origin lies, in pixels
	px    []rgb
	m     mask
}

func newCanvas(w, h int, scale float64, zero pt) *canvas {
	return &canvas{w: w, h: h, scale: scale, zero: zero, px: make([]rgb, w*h)}
}

// place returns where a path lies on the canvas, in pixels.
func (c *canvas) place(path []pt) []pt {
	out := make([]pt, len(path))
	for i, p := range path {
		out[i] = pt{c.zero.x + p.x*c.scale, c.zero.y + p.y*c.scale}
	}
	return out
}

// cut returns the mask of a path.
func (c *canvas) cut(path []pt) *mask {
	var m mask
	m.cover(c.place(path), c.w, c.h, 0)
	return &m
}

// shade fills a path with a colour that depends on the place.
func (c *canvas) shade(path []pt, colour func(pt) rgb) {
	c.m.cover(c.place(path), c.w, c.h, 0)
	for y := range c.m.h {
		for x := range c.m.w {
			if a := c.m.a[y*c.m.w+x]; a > 0 {
				px := &c.px[(c.m.y0+y)*c.w+c.m.x0+x]
				p := pt{(float64(c.m.x0+x) + .5 - c.zero.x) / c.scale, (float64(c.m.y0+y) + .5 - c.zero.y) / c.scale}
				*px = mix(*px, colour(p), float64(a))
			}
		}
	}
}

// soft fills a path whose edge is blurred over about blur units, with an
// opacity, as far as within covers; nil does not bound it.
func (c *canvas) soft(path []pt, blur float64, colour rgb, opacity float64, within *mask) {
	r := blur * c.scale / 1.7
	c.m.cover(c.place(path), c.w, c.h, int(3*r)+2)
	c.m.blur(r)
	if within != nil {
		c.m.clip(within)
	}
	for y := range c.m.h {
		for x := range c.m.w {
			if a := c.m.a[y*c.m.w+x]; a > 0 {
				px := &c.px[(c.m.y0+y)*c.w+c.m.x0+x]
				*px = mix(*px, colour, float64(a)*opacity)
			}
		}
	}
}

// sheet is a canvas as the encoder's planes, chroma not thinned out.
type sheet struct {
	w, h    int
	y, u, v []byte
}

// sheet converts c; an ordered dither keeps soft gradients free of bands.
func (c *canvas) sheet() *sheet {
	dither := [4]float32{.125, .625, .875, .375}
	s := &sheet{c.w, c.h, make([]byte, c.w*c.h), make([]byte, c.w*c.h), make([]byte, c.w*c.h)}
	for i, p := range c.px {
		d := dither[(i/c.w&1)*2+i%c.w&1]
		q := p.yuv()
		s.y[i], s.u[i], s.v[i] = byte(q[0]+d), byte(q[1]+d), byte(q[2]+d)
	}
	return s
}

// blend paints colour where m covers, with an opacity.
func (s *sheet) blend(m *mask, colour [3]float32, opacity float32) {
	for y := range m.h {
		at := (m.y0+y)*s.w + m.x0
		py, pu, pv := s.y[at:at+m.w], s.u[at:at+m.w], s.v[at:at+m.w]
		for x, a := range m.a[y*m.w : (y+1)*m.w] {
			if a <= 0 {
				continue
			}
			if a *= opacity; a >= .999 {
				py[x], pu[x], pv[x] = byte(colour[0]+.5), byte(colour[1]+.5), byte(colour[2]+.5)
				continue
			}
			py[x] = byte(float32(py[x])*(1-a) + colour[0]*a + .5)
			pu[x] = byte(float32(pu[x])*(1-a) + colour[1]*a + .5)
			pv[x] = byte(float32(pv[x])*(1-a) + colour[2]*a + .5)
		}
	}
}
