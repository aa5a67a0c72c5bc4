package testspeaker

import "math"

// bump is a Gaussian hill, or with a negative height a hollow, of the face.
type bump struct{ x, y, wide, tall, height float64 }

// bumps make an egg a face. Those aside of the middle are there twice.
var bumps = []bump{
	{.5, -.03, .24, .15, -.085}, // eye
	{.5, -.36, .36, .13, .045},  // brow
	{0, -.12, .15, .16, -.03},   // root of the nose
	{0, .2, .125, .4, .14},      // ridge
	{0, .6, .14, .125, .15},     // tip
	{.16, .655, .085, .08, .06},
	{.62, .42, .27, .24, .085}, // cheek
	{.98, -.55, .2, .3, -.05},  // temple
	{.62, 1.05, .2, .3, -.03},  // hollow of the cheek
	{0, 1.12, .36, .27, .09},   // muzzle
	{0, .92, .04, .08, -.014},  // philtrum
	{0, 1.43, .2, .06, -.03},
	{0, 1.64, .23, .14, .085}, // chin
}

// normal returns how the face is turned at a place: x to the right, y down, z to the camera.
func normal(p pt) (x, y, z float64) {
	const w, h, deep = 1.27, 2.05, 1.15
	ex, ey := p.x/w, (p.y-.12)/h
	e := math.Sqrt(math.Max(.06, 1-ex*ex-ey*ey))
	dx, dy := -deep*ex/(w*e), -deep*ey/(h*e)
	for _, b := range bumps {
		for _, side := range [2]float64{1, -1} {
			u, v := (p.x-side*b.x)/b.wide, (p.y-b.y)/b.tall
			if q := u*u + v*v; q < 9 {
				g := b.height * math.Exp(-q)
				dx -= 2 * u / b.wide * g
				dy -= 2 * v / b.tall * g
			}
			if b.x == 0 {
				break
			}
		}
	}
	n := 1 / math.Sqrt(1+dx*dx+dy*dy)
	return -dx * n, -dy * n, n
}

// lit is the skin's colour under a large soft lamp at the upper left.
func (l look) lit(p pt) rgb {
	x, y, z := normal(p)
	d := -.42*x - .46*y + .78*z
	c := mix(mix(l.shadow, rgb{120, 44, 36}, .16), l.skin, smooth(-.1, .82, d))
	c = mix(c, l.light, .62*smooth(.66, 1.02, d))
	// Light from the wall behind, and a dull shine.
	c = mix(c, mix(l.light, l.back, .4), .22*smooth(.72, .98, x)*(1-z))
	h := -.22*x - .245*y + .944*z
	return mix(c, rgb{255, 250, 244}, .2*math.Pow(math.Max(0, h), 30))
}
