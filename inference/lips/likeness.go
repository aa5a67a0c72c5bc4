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

func readLikeness(pic picture, f inference.Face) (l likeness) {
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

// same tells whether two likenesses are of one face.
func (l *likeness) same(o likeness) bool {
	var c float32
	for i := range l {
		c += l[i] * o[i]
	}
	return c/float32(len(l)) > .6
}
