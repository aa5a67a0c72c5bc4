package testspeaker

import "math"

// look is who is drawn.
type look struct {
	skin, shadow, light rgb
	hair, gloss         rgb
	iris                rgb
	lip                 rgb
	cloth               rgb
	back                rgb // behind the head
	long                bool
}

var skins = [][3]rgb{
	{{236, 188, 158}, {190, 128, 104}, {252, 220, 194}},
	{{216, 164, 126}, {164, 108, 80}, {238, 196, 160}},
	{{174, 118, 84}, {118, 72, 50}, {206, 152, 116}},
	{{244, 202, 176}, {202, 146, 124}, {255, 230, 210}},
}

var hairs = [][2]rgb{
	{{66, 42, 32}, {124, 84, 60}},
	{{40, 32, 32}, {88, 74, 72}},
	{{112, 70, 40}, {176, 122, 76}},
	{{92, 46, 30}, {160, 92, 62}},
}

var cloths = []rgb{{58, 112, 128}, {132, 74, 88}, {76, 98, 66}, {84, 82, 128}}
var irises = []rgb{{92, 62, 40}, {64, 92, 88}, {70, 92, 120}, {84, 84, 48}}
var backs = []rgb{{204, 214, 220}, {222, 212, 198}, {202, 216, 204}, {214, 206, 220}}

// lookOf chooses by a seed; 0 is the one in the documentation's frames.
func lookOf(seed uint64) look {
	r := newRandom(seed)
	pick := func(n int) int {
		k := int(r.unit(0)*float64(n)) % n
		if seed == 0 {
			return 0
		}
		return k
	}
	s, h := skins[pick(len(skins))], hairs[pick(len(hairs))]
	return look{
		skin: s[0], shadow: s[1], light: s[2], hair: h[0], gloss: h[1],
		lip:  mix(s[1], rgb{176, 72, 76}, .62),
		iris: irises[pick(len(irises))], cloth: cloths[pick(len(cloths))], back: backs[pick(len(backs))],
		long: pick(2) == 1,
	}
}

// faceOutline is the skin of the face.
var faceOutline = spline(mirror(pt{0, -1.6}, pt{.58, -1.48}, pt{.95, -1.08}, pt{1.09, -.45}, pt{1.09, .12}, pt{1.03, .62},
	pt{.89, 1.1}, pt{.66, 1.48}, pt{.36, 1.74}, pt{0, 1.83})...)

// paint draws everything that does not move by itself: the eyes and the mouth are left out.
func (l look) paint(c *canvas) {
	for i := range c.px {
		x, y := (float64(i%c.w)+.5-c.zero.x)/c.scale, (float64(i/c.w)+.5-c.zero.y)/c.scale
		// A pool of light behind the shoulder, falling off to the corners.
		d := math.Hypot((x+.8)/6, (y+.6)/4)
		c.px[i] = mix(mix(l.back, rgb{255, 252, 246}, .38), mix(l.back, rgb{96, 108, 122}, .38), smooth(0, 1.25, d))
	}
	l.paintBody(c)
	l.paintHead(c)
	l.paintNose(c)
	l.paintHair(c)
	l.paintBrows(c)
}

func (l look) paintBody(c *canvas) {
	if l.long {
		back := spline(mirror(pt{0, -2.0}, pt{.8, -1.85}, pt{1.3, -1.2}, pt{1.46, -.2}, pt{1.5, .9}, pt{1.55, 1.9}, pt{1.25, 2.6}, pt{.6, 2.7}, pt{0, 2.6})...)
		c.soft(back, .1, rgb{60, 60, 70}, .25, nil)
		c.shade(back, func(p pt) rgb { return mix(l.hair, rgb{16, 10, 10}, .25+.3*smooth(1.5, .4, math.Abs(p.x))) })
	}
	neck := spline(mirror(pt{0, .9}, pt{.6, 1.0}, pt{.64, 1.7}, pt{.72, 2.2}, pt{1.05, 2.5}, pt{1.2, 3}, pt{0, 3.2})...)
	c.shade(neck, func(p pt) rgb {
		return mix(mix(l.skin, l.shadow, .45), l.shadow, smooth(-.5, .7, p.x))
	})
	within := c.cut(neck)
	c.soft(spline(mirror(pt{0, .9}, pt{.9, 1.0}, pt{.78, 1.55}, pt{.42, 2.0}, pt{0, 2.12})...), .14, mix(l.shadow, rgb{70, 30, 24}, .45), .62, within)
	torso := spline(pt{-3.9, 5.2}, pt{-3.5, 3.55}, pt{-2.7, 2.88}, pt{-1.5, 2.52}, pt{-.86, 2.2}, pt{-.55, 2.5}, pt{0, 2.7}, pt{.55, 2.5},
		pt{.86, 2.2}, pt{1.5, 2.52}, pt{2.7, 2.88}, pt{3.5, 3.55}, pt{3.9, 5.2})
	c.soft(torso, .12, rgb{50, 54, 64}, .2, nil)
	c.shade(torso, func(p pt) rgb {
		fold := .5 + .5*math.Sin(2.3*p.x+1.2*p.y)
		t := smooth(-3, 3.4, p.x+.5*(p.y-2.4))
		return mix(mix(l.cloth, rgb{255, 255, 255}, .16), mix(l.cloth, rgb{10, 14, 24}, .34), .8*t+.12*fold)
	})
	collar := stroke(open(pt{-.9, 2.2}, pt{-.58, 2.52}, pt{0, 2.74}, pt{.58, 2.52}, pt{.9, 2.2}), .2)
	c.shade(collar, func(p pt) rgb {
		return mix(mix(l.cloth, rgb{255, 255, 255}, .1), mix(l.cloth, rgb{0, 0, 0}, .3), smooth(-1, 1, p.x))
	})
	c.soft(stroke(open(pt{-.95, 2.32}, pt{-.6, 2.66}, pt{0, 2.88}, pt{.6, 2.66}, pt{.95, 2.32}), .05), .03, rgb{10, 14, 20}, .35, c.cut(torso))
}

func (l look) paintHead(c *canvas) {
	for _, side := range []float64{-1, 1} {
		ear := flip(spline(pt{1.02, -.12}, pt{1.16, -.2}, pt{1.27, -.06}, pt{1.25, .25}, pt{1.16, .52}, pt{1.04, .6}), side)
		c.shade(ear, func(p pt) rgb { return mix(mix(l.skin, l.shadow, .25), l.shadow, .5+.3*side) })
		c.soft(flip(ellipse(1.14, .16, .05, .2), side), .04, mix(l.shadow, rgb{90, 30, 24}, .4), .6, c.cut(ear))
	}
	c.shade(faceOutline, l.lit)
	face := c.cut(faceOutline)
	deep := mix(l.shadow, rgb{96, 40, 34}, .35)
	blush := mix(l.skin, rgb{226, 92, 84}, .5)
	for _, side := range []float64{-1, 1} {
		c.soft(ellipse(side*.5, -.05, .32, .19), .12, deep, .26, face)
		c.soft(ellipse(side*.68, .66, .27, .2), .18, blush, .3, face)
		c.soft(flip(stroke(open(pt{.3, .74}, pt{.43, .9}, pt{.52, 1.1}), .05), side), .05, deep, .13, face)
	}
	c.soft(ellipse(0, .6, .16, .12), .09, blush, .22, face)
}

func (l look) paintNose(c *canvas) {
	face := c.cut(faceOutline)
	deep := mix(l.shadow, rgb{88, 36, 30}, .4)
	c.soft(ellipse(.02, .8, .2, .04), .05, deep, .4, face)
	for _, side := range []float64{-1, 1} {
		c.soft(ellipse(side*.1, .745, .052, .024), .02, rgb{70, 28, 24}, .8, face)
		c.soft(flip(stroke(open(pt{.21, .57}, pt{.255, .66}, pt{.225, .755}, pt{.16, .765}), .03), side), .025, deep, .5, face)
	}
}

func (l look) paintHair(c *canvas) {
	outer := []pt{{-1.1, .1}, {-1.15, -.25}, {-1.24, -.75}, {-1.26, -1.2}, {-1.1, -1.62}, {-.74, -1.95}, {-.2, -2.12}, {.4, -2.11}, {.9, -1.88}, {1.2, -1.4},
		{1.23, -.8}, {1.15, -.25}, {1.1, .1}}
	line := []pt{{1.06, .1}, {1.04, -.25}, {1.01, -.6}, {.9, -.95}, {.7, -1.2}, {.4, -1.33}, {.12, -1.32}, {-.15, -1.24}, {-.4, -1.12}, {-.65, -.98}, {-.85, -.82}, {-.97, -.58}, {-1.02, -.4}, {-1.04, -.25}, {-1.06, .1}}
	if l.long {
		outer[0], outer[len(outer)-1] = pt{-1.36, 1.5}, pt{1.36, 1.5}
		outer[1], outer[len(outer)-2] = pt{-1.42, .3}, pt{1.42, .3}
		outer[2], outer[len(outer)-3] = pt{-1.38, -.8}, pt{1.38, -.8}
		line = []pt{{1.1, 1.35}, {1.06, .6}, {1.05, -.1}, {.95, -.7}, {.6, -1.1}, {.12, -1.36}, {-.3, -1.2}, {-.72, -.86}, {-.98, -.4}, {-1.06, .1}, {-1.07, .6}, {-1.1, 1.35}}
	}
	hair := spline(append(append([]pt(nil), outer...), line...)...)
	// Its shadow on the forehead first.
	shifted := make([]pt, len(hair))
	for i, p := range hair {
		shifted[i] = pt{p.x + .02, p.y + .08}
	}
	c.soft(shifted, .09, mix(l.shadow, rgb{70, 30, 24}, .5), .5, c.cut(faceOutline))
	c.shade(hair, func(p pt) rgb {
		d := smooth(.25, 1.3, math.Hypot(p.x+.45, (p.y+1.5)/.9))
		return mix(mix(l.hair, l.gloss, .35), mix(l.hair, rgb{10, 6, 6}, .3), d)
	})
	within := c.cut(hair)
	for i := range 23 { // strands, combed to the side
		f := float64(i) / 22
		root := pt{-.55 + .25*f, -1.98 + .05*math.Abs(f-.4)}
		tip := pt{-1.15 + 2.25*f, -.6 - .62*math.Sin(math.Pi*f)}
		bend := pt{(root.x+tip.x)/2 + .45*(f-.45), (root.y+tip.y)/2 - .28}
		c.soft(stroke(open(root, bend, tip), .028), .018, l.gloss, (.2+.16*strand(i))*(1-.4*f), within)
		c.soft(stroke(open(pt{root.x + .03, root.y}, pt{bend.x + .045, bend.y}, pt{tip.x + .05, tip.y}), .022), .016, rgb{14, 8, 8}, .16+.2*strand(i+40), within)
	}
	c.soft(ellipse(-.35, -1.68, .5, .1), .1, mix(l.gloss, rgb{255, 255, 255}, .25), .32, within)
}

// strand returns how strongly a strand of hair stands out, 0..1.
func strand(i int) float64 { return newRandom(9).unit(uint64(i + 1)) }

func (l look) paintBrows(c *canvas) {
	for _, side := range []float64{-1, 1} {
		brow := flip(spline(pt{.2, -.33}, pt{.32, -.42}, pt{.55, -.47}, pt{.76, -.42}, pt{.9, -.28}, pt{.74, -.345}, pt{.54, -.375}, pt{.34, -.34}, pt{.22, -.28}), side)
		c.soft(brow, .018, mix(l.hair, rgb{20, 10, 8}, .15), .88, nil)
	}
}
