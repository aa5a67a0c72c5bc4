package testspeaker

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
	ink   ink
	cols  []column // of the mouth

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

var eyeBox, mouthBox = rect{-.86, -.3, .86, .22}, rect{-.66, .9, .66, 1.78}

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

// eyes draws both. side +1 is the eye at the right of the frame.
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
		f.fill(stroke(at(open(lower[0], lower[1], lower[2], lower[3], lower[4])...), .02), fold, .35)
		tip := pt{upper[4].x + flick, upper[4].y - .6*flick}
		f.fill(stroke(at(open(upper[0], upper[1], upper[2], upper[3], upper[4], tip)...), .056), dark, .95)
		crease := [5]pt{{-.22, -.06}, {-.1, -.185}, {.02, -.215}, {.16, -.19}, {.29, -.09}}
		for i := range crease {
			crease[i].y += .06 * p.lid
		}
		f.fill(stroke(at(open(crease[:]...)...), .026), fold, .38)
	}
}
