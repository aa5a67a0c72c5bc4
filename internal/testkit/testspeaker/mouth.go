package testspeaker

import (
	"math"

	"livedub/inference"
)

// tones is how finely the colours across a lip are known.
const tones = 64

// ink is what a mouth is painted with, as Y, U and V.
type ink struct {
	upper, lower      [tones][3]float32 // lips, from the top to the bottom edge
	gloss             [tones]float32    // of the lower lip
	seam, cave        [3]float32        // between closed lips, and deep inside
	tooth, gum        [3]float32
	tongue, tongueTop [3]float32
	shade, corner     [3]float32 // on the skin
}

func (l look) ink() ink {
	deep := mix(l.lip, rgb{84, 22, 28}, .55)
	rosy := mix(l.lip, rgb{232, 120, 116}, .3)
	k := ink{
		seam: mix(deep, rgb{44, 12, 16}, .55).yuv(), cave: rgb{46, 14, 18}.yuv(),
		tooth: rgb{243, 238, 228}.yuv(), gum: rgb{150, 128, 120}.yuv(),
		tongue: rgb{172, 74, 78}.yuv(), tongueTop: rgb{204, 112, 110}.yuv(),
		shade: mix(l.shadow, rgb{96, 40, 34}, .4).yuv(), corner: mix(l.shadow, rgb{88, 30, 28}, .55).yuv(),
	}
	for i := range tones {
		t := (float64(i) + .5) / tones
		// The upper lip looks down, into the shade; the lower one catches the light where it is fullest.
		up := mix(mix(l.lip, rosy, .25*(1-t)), deep, .12+.5*t*t)
		low := mix(mix(l.lip, rosy, .75*math.Exp(-sq(t-.38)/.05)), deep, .4*math.Exp(-t/.1)+.5*smooth(.55, 1, t))
		k.upper[i], k.lower[i] = up.yuv(), low.yuv()
		k.gloss[i] = float32(math.Exp(-sq(t-.36) / .022))
	}
	return k
}

// column is what one column of the mouth's pixels needs, places in pixels of the sheet.
type column struct {
	outUp, inUp, inLow, outLow float32
	slope                      [4]float32 // how fast each edge covers: below 1 where it is steep
	edge                       float32    // of the upper teeth
	tongue, floor              float32    // the tongue's highest place, and where it goes into the dark before the lip
	light, gloss, side         float32    // factor on the lips' brightness, what is added to it, factor on the teeth's
	within                     float32    // 1 in the middle, 0 at the corners and beyond
	corner                     float32    // shadow of the nearest corner
}

// mouth draws lips, teeth and tongue.
func (f *features) mouth(s inference.MouthShape) {
	f.restore(mouthBox)
	m := formOf(s)
	x0 := max(0, int(f.zero.x-(m.half+.1)*f.scale))
	x1 := min(f.work.w, int(f.zero.x+(m.half+.1)*f.scale)+1)
	if x1 <= x0 {
		return
	}
	f.columns(m, s, x0, x1)
	top, bottom := float32(f.work.h), float32(0)
	for i := range f.cols {
		if c := &f.cols[i]; c.within > 0 {
			top, bottom = min(top, c.outUp), max(bottom, c.outLow)
		}
	}
	reach := float32(.14 * f.scale)
	_, corner, _, _ := m.edges(1)
	cy := float32(f.zero.y + corner*f.scale)
	y0 := max(0, int(min(top, cy-reach)-.5*reach))
	y1 := min(f.work.h, int(bottom+reach)+2)
	gap := float32(smooth(.03, .08, m.up+m.down))
	for y := y0; y < y1; y++ {
		at := y*f.work.w + x0
		// A corner's shadow is a product of one factor for the row and one for the column.
		d := (float32(y) + .5 - cy) / (.3 * reach)
		row := .34 / (1 + d*d*(1+d*d))
		if row < .01 {
			row = 0
		}
		f.row(float32(y)+.5, f.work.y[at:at+x1-x0], f.work.u[at:at+x1-x0], f.work.v[at:at+x1-x0], row, reach, gap)
	}
}

// columns works out the columns from x0 up to x1.
func (f *features) columns(m form, s inference.MouthShape, x0, x1 int) {
	f.cols = f.cols[:0]
	px := func(y float64) float32 { return float32(f.zero.y + y*f.scale) }
	_, inUp, inLow, _ := m.edges(0)
	// The upper teeth stand still, a little below where lips at rest meet; lips rounded forward hide them.
	edge := mouthY + .03 - .09*s.Round
	tongue := inLow + .04 - .11*smooth(.4, .85, s.Open)
	for x := x0; x < x1; x++ {
		u := (float64(x) + .5 - f.zero.x) / (m.half * f.scale)
		v := math.Abs(u)
		c := column{corner: float32(1 / (1 + sq(sq((v-1)*m.half/.045))))}
		if v < 1 {
			const du = 1e-3
			e := [4]float64{}
			e[0], e[1], e[2], e[3] = m.edges(u)
			n := [4]float64{}
			n[0], n[1], n[2], n[3] = m.edges(u + math.Copysign(du, -u))
			for i := range e {
				c.slope[i] = float32(1 / math.Sqrt(1+sq((n[i]-e[i])/(du*m.half))))
			}
			c.outUp, c.inUp, c.inLow, c.outLow = px(e[0]), px(e[1]), px(e[2]), px(e[3])
			c.within = float32(1 - u*u)
			c.edge = px(edge - .04*u*u)
			c.tongue = px(tongue + .22*(inLow-inUp)*sq(u/.8))
			c.floor = c.inLow - float32(.025*f.scale)
			c.side = float32(1 - .85*smooth(.4, .96, v))
			crease := .022 * math.Sin(41*u+3*math.Sin(7*u)) * (1 - v)
			c.light = float32(1.02 - .07*u + crease)
			c.gloss = float32(30 * math.Exp(-sq((u+.16)/.3)) * (1 + 6*crease))
		}
		f.cols = append(f.cols, c)
	}
}

// cover is how much of a pixel lies beyond an edge d pixels away.
func cover(d float32) float32 { return min(1, max(0, d+.5)) }

// row paints the row of pixels whose middle is at y.
func (f *features) row(y float32, py, pu, pv []byte, corner, reach, gap float32) {
	k := &f.ink
	for i := range f.cols {
		c := &f.cols[i]
		var skin float32
		if corner > 0 {
			skin = corner * c.corner
		}
		if c.within == 0 || y < c.outUp-1 || y > c.outLow+1 {
			if d := (y - c.outLow) / reach; c.within > 0 && d > 0 && d < 1 {
				skin = max(skin, 2.2*c.within*d*(1-d)*(1-d)) // under the lower lip
			}
			if skin > .01 {
				blend(py, pu, pv, i, &k.shade, skin)
			}
			continue
		}
		if skin > .01 {
			blend(py, pu, pv, i, &k.corner, skin)
		}
		a := cover((y-c.outUp)*c.slope[0]) * cover((c.outLow-y)*c.slope[3])
		in := cover((y-c.inUp)*c.slope[1]) * cover((c.inLow-y)*c.slope[2])
		if in < 1 {
			var tone [3]float32
			if y < (c.inUp+c.inLow)/2 {
				t := int((y - c.outUp) / (c.inUp - c.outUp + .01) * tones)
				tone = k.upper[min(tones-1, max(0, t))]
				tone[0] *= c.light
			} else {
				t := min(tones-1, max(0, int((y-c.inLow)/(c.outLow-c.inLow+.01)*tones)))
				tone = k.lower[t]
				tone[0] = tone[0]*c.light + c.gloss*k.gloss[t]
			}
			blend(py, pu, pv, i, &tone, a*(.35+.65*min(1, 4*c.within)))
		}
		if in > 0 {
			tone := k.inside(c, y, gap)
			blend(py, pu, pv, i, &tone, in*min(1, 12*c.within))
		}
	}
}

// inside is what is seen between the lips; gap is 0 where they meet, 1 where they are well apart.
func (k *ink) inside(c *column, y, gap float32) [3]float32 {
	if gap == 0 {
		return k.seam
	}
	tone := k.cave
	if t := cover((y-c.tongue)*.4) * cover((c.floor-y)*.3); t > 0 {
		top := min(1, (y-c.tongue)*.06)
		for i := range tone {
			tone[i] += (k.tongue[i] + (k.tongueTop[i]-k.tongue[i])*max(0, top) - tone[i]) * t * c.side
		}
	}
	if t := cover(c.edge - y); t > 0 {
		// The lip's shadow lies on the teeth.
		lit := c.side * min(1, .62+(y-c.inUp)*.07)
		for i := range tone {
			tone[i] += (k.gum[i] + (k.tooth[i]-k.gum[i])*lit - tone[i]) * t
		}
		tone[0] *= .5 + .5*c.side
	}
	for i := range tone {
		tone[i] = k.seam[i] + (tone[i]-k.seam[i])*gap
	}
	return tone
}

func blend(py, pu, pv []byte, i int, c *[3]float32, a float32) {
	py[i] = byte(float32(py[i])*(1-a) + min(235, c[0])*a + .5)
	pu[i] = byte(float32(pu[i])*(1-a) + c[1]*a + .5)
	pv[i] = byte(float32(pv[i])*(1-a) + c[2]*a + .5)
}
