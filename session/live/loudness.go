package live

import (
	"math"

	"livedub/session/spec"
)

// loudnesses is how loud the dubs of a node are, by encode.
type loudnesses map[string]loudest

// loudest is of the dub that is farthest from its target, LU, and of the one with the
// largest true peak, dBTP.
type loudest struct{ off, peak float64 }

// add adds one dub's; what has not sounded yet does not count.
func (l loudnesses) add(encode string, s *spec.Loudness) {
	if s == nil || s.Integrated == nil || s.TruePeak == nil {
		return
	}
	was, ok := l[encode]
	off := math.Abs(*s.Integrated - s.Target)
	if !ok {
		was = loudest{off, *s.TruePeak}
	}
	l[encode] = loudest{max(was.off, off), max(was.peak, *s.TruePeak)}
}
