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
