package testspeaker

import (
	"math"
	"time"

	"livedub/inference"
)

const (
	mouthY  = 1.13 // where the lips meet at rest
	jawDrop = .17  // of the chin at the widest opening, drawn by bending the face
)

// form is the outline of a mouth before the face is bent, lengths in units of
// the portrait.
type form struct {
	half        float64 // between a corner and the middle
	up, down    float64 // from mouthY to the lips' inner edges in the middle
	top, bottom float64 // thickness of the lips in the middle
	lift        float64 // of the corners
	bow, wave   float64 // depth of the cupid's bow; height of the waves in which closed lips meet
	fullness    float64 // how round the opening is, 0..1
}

func formOf(s inference.MouthShape) form {
	seam := .008 * (1 - .6*s.Close) // lips that meet show a line
	return form{
		half:     (.325 + .19*s.Wide) * (1 - .2*s.Round) * (1 - .05*s.Open),
		up:       .06*s.Open + .02*s.Round*s.Open + .06*max(0, s.Wide-.55)*min(1, 5*s.Open) + seam,
		down:     .125*s.Open + .02*s.Round*s.Open + seam,
		top:      .092 * (1 - .5*s.Close) * (1 + .3*s.Round) * (1 - .12*s.Open),
		bottom:   .128 * (1 - .45*s.Close) * (1 + .25*s.Round) * (1 - .1*s.Open),
		lift:     (.035 + .05*(s.Wide-.5)) * (1 - s.Round) * (1 - .6*s.Open),
		bow:      .22 * (1 - .5*s.Round) * (1 - .4*s.Close),
		wave:     .01 * (1 - s.Round) * max(0, 1-2.5*s.Open),
		fullness: s.Round,
	}
}

// edges returns where the lips' edges are at u, -1 at the left corner and 1 at
// the right one: the upper lip's outer and inner one, then the lower lip's inner and outer one.
func (m form) edges(u float64) (outUp, inUp, inLow, outLow float64) {
	k := max(0, 1-u*u)
	middle := mouthY + m.lift*(1-2*u*u) + m.wave*math.Cos(3*math.Pi*u)*k
	root := math.Sqrt(k)
	round := k + (root-k)*(.2+.6*m.fullness)
	inUp, inLow = middle-m.up*round, middle+m.down*(k*.5+root*.5)
	dip := 1 - m.bow*math.Exp(-u*u/.014) + .5*m.bow*math.Exp(-sq(math.Abs(u)-.24)/.02)
	outUp = inUp - m.top*dip*(.35*k+.65*k*root)*1.02
	outLow = inLow + m.bottom*(.3*k+.7*root*(1-.6*u*u))
	return outUp, inUp, inLow, outLow
}

func sq(x float64) float64 { return x * x }

// Face returns where the drawn face is in the frame of a moment, in pixels:
// what a tracker should find. Confidence is 1; Yaw and Pitch are not given, for
// the drawn head bends as a sheet.
func (d *Drawing) Face(t time.Duration, mouth inference.MouthShape) inference.Face {
	p, m := d.motion.at(t), formOf(mouth)
	jaw := jawDrop * mouth.Open
	at := func(q pt) inference.Point {
		// The place that shows q, by going back and forth.
		seen := q
		for range 12 {
			from, _ := p.source(seen, jaw)
			seen = pt{seen.x + q.x - from.x, seen.y + q.y - from.y}
		}
		return inference.Point{X: d.zero.x + seen.x*d.scale - .5, Y: d.zero.y + seen.y*d.scale - .5}
	}
	top, _, _, bottom := m.edges(0)
	_, corner, _, _ := m.edges(1)
	f := inference.Face{
		ID: 1, Confidence: 1, Roll: p.roll, Center: at(pt{0, .35}), Size: 2.6 * d.scale,
		LeftEye: at(pt{-.5 + p.gaze.x, p.gaze.y - .02}), RightEye: at(pt{.5 + p.gaze.x, p.gaze.y - .02}), Nose: at(pt{0, .62}),
		MouthLeft: at(pt{-m.half, corner}), MouthRight: at(pt{m.half, corner}), UpperLip: at(pt{0, top}), LowerLip: at(pt{0, bottom}),
	}
	return f
}
