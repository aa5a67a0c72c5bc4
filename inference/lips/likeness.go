package lips

import (
	"math"

	"livedub/inference"
)

const (
	likeW = 20
	likeH = 16
)

// likeness is the brightness of the eyes and the nose, small, freed from the
// light: enough to tell whether the same face is back.
type likeness [likeW * likeH]float32

func readLikeness(pic frame, f inference.Face) (l likeness) {
	p := poseOf(f)
	eye := p.inFace(inference.Point{X: (f.LeftEye.X + f.RightEye.X) / 2, Y: (f.LeftEye.Y + f.RightEye.Y) / 2})
	var sum, square float64
	for y := range likeH {
		for x := range likeW {
			px, py := p.out(eye.X+(float64(x)-likeW/2+.5)*.09, eye.Y+(float64(y)-4.5)*.08)
			v := float64(pic.luma(px, py))
			l[y*likeW+x] = float32(v)
			sum += v
			square += v * v
		}
	}
	mean := sum / float64(len(l))
	scale := 1 / math.Sqrt(max(square/float64(len(l))-mean*mean, 9))
	for i := range l {
		l[i] = float32((float64(l[i]) - mean) * scale)
	}
	return l
}

// like tells how alike two likenesses are, 1 for equal.
func (l *likeness) like(o *likeness) float64 {
	var c float32
	for i := range l {
		c += l[i] * o[i]
	}
	return float64(c) / float64(len(l))
}

// Between real people likenesses come to .9 and noses, laid on each other, to
// .2; of one person who turns alike likenesses stay above .7 and noses below .15.
const (
	sameFace = .7
	sameNose = .16
)

// knows tells whether the atlas is of the face that looks like this.
func (a *atlas) knows(l *likeness, nose *grid) bool {
	var best *entry
	most := sameFace
	for _, e := range a.entries {
		if c := e.like.like(l); c > most {
			best, most = e, c
		}
	}
	if best == nil {
		return false
	}
	_, _, rest := register(best.nose, nose)
	return rest < sameNose
}

// face is how eyes and nose look, freed from the light and from how it falls off across
// the face: of another day it comes from another side.
type face struct {
	like likeness
	nose grid
}

func faceOf(l *likeness, nose *grid) *face {
	f := &face{*l, *nose}
	level(f.like[:], likeW, likeH)
	level(f.nose[:], gridW, gridH)
	return f
}

// level takes its slope out of brightness in rows of w, whose mean is 0, and brings its
// variance to 1.
func level(v []float32, w, h int) {
	var x1, x2, y1, y2 float64
	at := func(i int) (x, y float64) { return float64(i%w) - float64(w-1)/2, float64(i/w) - float64(h-1)/2 }
	for i, b := range v {
		x, y := at(i)
		x1, x2 = x1+x*float64(b), x2+x*x
		y1, y2 = y1+y*float64(b), y2+y*y
	}
	var square float64
	for i := range v {
		x, y := at(i)
		v[i] -= float32(x1/x2*x + y1/y2*y)
		square += float64(v[i]) * float64(v[i])
	}
	scale := float32(1 / math.Sqrt(max(square/float64(len(v)), 1e-3)))
	for i := range v {
		v[i] *= scale
	}
}

// among tells whether a face is that of the others, in any of their poses.
func (f *face) among(others []*face) bool {
	for _, o := range others {
		if o.like.like(&f.like) <= sameFace {
			continue
		}
		if _, _, rest := register(&o.nose, &f.nose); rest < sameNose {
			return true
		}
	}
	return false
}

// otherFace is how alike two likenesses are at most that are surely not of one person.
const otherFace = .5

// mayBe tells whether so little is known of a face that it may be the one that looks like this.
func (a *atlas) mayBe(l *likeness) bool {
	if len(a.entries) >= enough {
		return false
	}
	for _, e := range a.entries {
		if e.like.like(l) > otherFace {
			return true
		}
	}
	return len(a.entries) == 0
}
