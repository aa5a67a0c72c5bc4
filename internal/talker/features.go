package talker

import (
	"math"

	"livedub/inference"
)

// features draws what moves by itself, eyes and mouth, on a copy of the portrait.
type features struct {
	still *sheet // without eyes and mouth
	work  *sheet
	scale float64
	zero  pt
	look  look
	shape mask // of what is being drawn
	hole  mask // what bounds it
	path  []pt

	lastEyes  eyes // on work now
	lastMouth inference.MouthShape
	drawn     bool // both are
}

// eyes is what a drawing of the eyes depends on.
type eyes struct {
	lid  float64
	gaze pt
}

// draw brings eyes and mouth up to date. Most of the time one of them stands still.
func (f *features) draw(p pose, s inference.MouthShape) {
	if e := (eyes{p.lid, p.gaze}); !f.drawn || e != f.lastEyes {
		f.eyes(e)
		f.lastEyes = e
	}
	if !f.drawn || s != f.lastMouth {
		f.mouth(s)
		f.lastMouth = s
	}
	f.drawn = true
}

// box is a rectangle in units of the portrait that the features may change.
type rect struct{ x0, y0, x1, y1 float64 }

var eyeBox, mouthBox = rect{-.86, -.3, .86, .22}, rect{-.66, .9, .66, 1.74}

// restore brings the portrait back in r.
func (f *features) restore(r rect) {
	x0, y0 := max(0, int(f.zero.x+r.x0*f.scale)), max(0, int(f.zero.y+r.y0*f.scale))
	x1, y1 := min(f.work.w, int(f.zero.x+r.x1*f.scale)+1), min(f.work.h, int(f.zero.y+r.y1*f.scale)+1)
	for y := y0; y < y1; y++ {
		a, b := y*f.work.w+x0, y*f.work.w+x1
		if a >= b {
			return
		}
		copy(f.work.y[a:b], f.still.y[a:b])
		copy(f.work.u[a:b], f.still.u[a:b])
		copy(f.work.v[a:b], f.still.v[a:b])
	}
}

func (f *features) place(path []pt) []pt {
	f.path = f.path[:0]
	for _, p := range path {
		f.path = append(f.path, pt{f.zero.x + p.x*f.scale, f.zero.y + p.y*f.scale})
	}
	return f.path
}

// bound makes path what inside() stays within.
func (f *features) bound(path []pt) { f.hole.cover(f.place(path), f.work.w, f.work.h, 0) }

func (f *features) fill(path []pt, c rgb, opacity float64) {
	f.shape.cover(f.place(path), f.work.w, f.work.h, 0)
	f.work.blend(&f.shape, c.yuv(), float32(opacity))
}

func (f *features) inside(path []pt, c rgb, opacity float64) {
	f.shape.cover(f.place(path), f.work.w, f.work.h, 0)
	f.shape.clip(&f.hole)
	f.work.blend(&f.shape, c.yuv(), float32(opacity))
}

// eyes draws both. side +1 is the eye at the right of the picture.
func (f *features) eyes(p eyes) {
	f.restore(eyeBox)
	dark := mix(f.look.hair, rgb{24, 14, 12}, .6)
	fold := mix(f.look.shadow, rgb{90, 36, 30}, .4)
	flick := .012
	if f.look.long {
		flick = .05
	}
	for _, side := range []float64{-1, 1} {
		at := func(points ...pt) []pt {
			for i := range points {
				points[i] = pt{side * (.5 + points[i].x), points[i].y}
			}
			return points
		}
		lower := [5]pt{{-.25, .04}, {-.13, .085}, {0, .105}, {.13, .085}, {.265, -.02}}
		upper := [5]pt{{-.25, .04}, {-.14, -.095}, {0, -.15}, {.14, -.13}, {.265, -.02}}
		for i := range upper {
			upper[i].y += (lower[i].y - .012 - upper[i].y) * p.lid
			upper[i].y -= p.gaze.y * .4 * (1 - p.lid) * (1 - math.Abs(float64(i-2))/2)
		}
		if p.lid < .97 {
			f.bound(spline(at(upper[0], upper[1], upper[2], upper[3], upper[4], lower[3], lower[2], lower[1])...))
			white := rgb{246, 242, 238}
			x, y := side*.5+p.gaze.x, p.gaze.y-.02
			f.inside(ellipse(side*.5, 0, .4, .4), white, 1)
			f.inside(ellipse(side*.5, -.2, .36, .15), mix(fold, rgb{90, 70, 70}, .5), .3) // the lid's shadow
			f.inside(ellipse(x, y, .142, .142), mix(f.look.iris, rgb{14, 10, 10}, .65), 1)
			f.inside(ellipse(x, y+.006, .118, .116), f.look.iris, 1)
			f.inside(ellipse(x, y+.045, .085, .062), mix(f.look.iris, rgb{255, 220, 160}, .35), .5)
			f.inside(ellipse(x, y, .064, .064), rgb{12, 8, 10}, 1)
			f.inside(ellipse(x, y-.1, .14, .06), rgb{10, 6, 8}, .45)
			f.inside(ellipse(x-.048, y-.05, .036, .034), rgb{255, 255, 255}, .95)
			f.inside(ellipse(x+.05, y+.05, .018, .017), rgb{255, 255, 255}, .5)
		}
		f.fill(stroke(at(open(lower[0], lower[1], lower[2], lower[3], lower[4])...), .022), fold, .5)
		tip := pt{upper[4].x + flick, upper[4].y - .6*flick}
		f.fill(stroke(at(open(upper[0], upper[1], upper[2], upper[3], upper[4], tip)...), .056), dark, .95)
		crease := [5]pt{{-.22, -.06}, {-.1, -.185}, {.02, -.215}, {.16, -.19}, {.29, -.09}}
		for i := range crease {
			crease[i].y += .06 * p.lid
		}
		f.fill(stroke(at(open(crease[:]...)...), .03), fold, .5)
	}
}

// mouthY is where the lips meet at rest.
const mouthY = 1.15

// mouth draws lips, teeth and tongue.
func (f *features) mouth(s inference.MouthShape) {
	f.restore(mouthBox)
	const n = 25
	width := (.31 + .2*s.Wide) * (1 - .22*s.Round)
	rise, fall := .085*s.Open+.02*s.Round*s.Open, .3*s.Open
	top := .09 * (1 - .5*s.Close) * (1 + .3*s.Round) * (1 - .15*s.Open)
	bottom := .128 * (1 - .45*s.Close) * (1 + .25*s.Round) * (1 - .1*s.Open)
	smile := .07 * (.5 + s.Wide) * (1 - s.Round)
	var meet, upperOut, upperIn, lowerIn, lowerOut [n]pt
	for i := range n {
		u := 2*float64(i)/(n-1) - 1
		x := u * width
		arch := math.Pow(1-u*u, .75)
		drop := math.Pow(1-u*u, .55)
		bow := 1 - .25*math.Exp(-u*u/.012) + .16*math.Exp(-(math.Abs(u)-.22)*(math.Abs(u)-.22)/.03)
		y := mouthY - smile*u*u + .006*math.Cos(3*math.Pi*u)*(1-math.Abs(u))
		meet[i] = pt{x, y}
		upperIn[i] = pt{x, y - rise*arch}
		lowerIn[i] = pt{x, y + fall*drop}
		upperOut[i] = pt{x, upperIn[i].y - top*bow*math.Pow(1-u*u, .6)}
		lowerOut[i] = pt{x, lowerIn[i].y + bottom*math.Pow(1-u*u, .45)*(.8+.2*math.Cos(math.Pi*u/2))}
	}
	band := func(a, b [n]pt) []pt {
		out := append([]pt(nil), a[:]...)
		for i := n - 1; i >= 0; i-- {
			out = append(out, b[i])
		}
		return out
	}
	lip := f.look.lip
	deep := mix(lip, rgb{92, 26, 30}, .5)
	corner := mix(f.look.shadow, rgb{88, 30, 28}, .5)
	for _, side := range []float64{-1, 1} {
		f.fill(ellipse(side*(width+.015), mouthY-smile+.005, .04, .028), corner, .3)
	}
	f.fill(band(upperOut, upperIn), mix(lip, deep, .38), .95)
	f.fill(band(lowerIn, lowerOut), mix(lip, rgb{255, 190, 180}, .08), .95)
	if gap := rise + fall; gap > .02 {
		inner := band(upperIn, lowerIn)
		f.bound(inner)
		f.inside(inner, rgb{62, 18, 22}, 1)
		if s.Open > .3 {
			tongue := smooth(.3, .7, s.Open)
			f.inside(ellipse(0, mouthY+fall+.04, width*.62, .05+.1*tongue), rgb{178, 78, 82}, .95)
			f.inside(ellipse(0, mouthY+fall-.01, width*.3, .05*tongue), rgb{206, 110, 110}, .5)
		}
		edge := mouthY - rise + .035 + .55*min(.09, gap)
		f.inside(spline(pt{-width * .86, mouthY - rise - .1}, pt{width * .86, mouthY - rise - .1}, pt{width * .8, edge - .03}, pt{width * .4, edge},
			pt{0, edge + .006}, pt{-width * .4, edge}, pt{-width * .8, edge - .03}), rgb{244, 238, 228}, max(0, 1-1.5*s.Round))
		f.inside(band(upperOut, shift(upperIn, .03)), rgb{70, 24, 26}, .4) // the lip's shadow on them
	}
	f.fill(stroke(upperIn[:], .022), deep, .8)
	if s.Open < .12 {
		f.fill(stroke(meet[:], .03), mix(deep, rgb{50, 14, 18}, .5), .85)
	}
	y := mouthY + fall + bottom*.5
	f.fill(ellipse(-width*.12, y, width*.42, bottom*.2), rgb{255, 226, 218}, .26)
	f.fill(ellipse(-width*.16, y-.006, width*.2, bottom*.12), rgb{255, 240, 236}, .28)
}

func shift[A ~[25]pt](a A, by float64) A {
	for i := range a {
		a[i].y += by
	}
	return a
}
