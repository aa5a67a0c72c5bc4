package face

import (
	"math"

	"livedub/inference"
)

// The head model, in eye distances: the nose's tip stands noseOut before the
// plane of eyes and mouth. On a face seen from the front the mouth lies mouthDown below
// the eyes, the tip noseDown of that way.
//
// A head turned by yaw shows the tip noseOut*tan(yaw) beside the line from
// between the eyes to between the mouth's corners, in eye distances as seen. A
// head lifted by pitch shows the tip noseOut/mouthDown*tan(pitch) of the way
// to the mouth higher.
const (
	noseOut   = .6
	noseDown  = .53
	mouthDown = 1.12
)

// neutral is how a face differs from the model when it looks straight ahead,
// learned slowly as a running median.
type neutral struct{ side, down float64 }

const (
	neutralStep  = .0005 // a frame
	neutralLimit = .08   // what a face may differ; beyond it, it looks elsewhere
)

func (n *neutral) learn(side, down float64) {
	to := func(v *float64, x float64) {
		*v = min(max(*v+math.Copysign(neutralStep, x-*v), -neutralLimit), neutralLimit)
	}
	to(&n.side, side)
	to(&n.down, down)
}

// turn returns yaw and pitch of a face whose points are given in its own measure.
func (n *neutral) turn(p *[points]inference.Point) (yaw, pitch float64) {
	mouth := inference.Point{X: (p[mouthLeft].X + p[mouthRight].X) / 2, Y: (p[mouthLeft].Y + p[mouthRight].Y) / 2}
	part := p[nose].Y / mouth.Y
	side, down := p[nose].X-part*mouth.X, part-noseDown
	n.learn(side, down)
	return math.Atan((side - n.side) / noseOut), -math.Atan((down - n.down) * mouthDown / noseOut)
}

// jump is how far a point may move over the face from one frame to the next,
// in eye distances, and stubborn how often it must do so to be believed.
const (
	jump     = .35
	stubborn = 2
)

// weigh decides which points of a new observation are believed, and how much all of it.
func (t *track) weigh(o *observation, spread [points]float64) {
	f := o.frame()
	var own [points]inference.Point
	for i, p := range o.points {
		own[i] = f.of(p)
	}
	o.good = sound(&own)
	if t.past != nil && len(t.past.observations) > 0 {
		g := t.last.frame()
		slow := max(1, (o.at-t.last.at).Seconds()*25)
		for i, p := range own {
			q := g.of(t.last.points[i])
			if k := groupOf[i]; t.last.good[k] && t.rejected[k] < stubborn && math.Hypot(p.X-q.X, p.Y-q.Y) > jump*min(slow, 3) {
				o.good[k] = false
			}
		}
	}
	o.trust = o.score / (o.score + 6)
	for k, good := range o.good {
		if good {
			t.rejected[k] = 0
			continue
		}
		t.rejected[k]++
		o.trust *= .6
	}
	var sum float64
	for _, s := range spread {
		sum += min(s, .3) / points
	}
	o.trust *= math.Exp(-math.Pow(max(sum-.02, 0)/.1, 2))
	if o.good[noseGroup] && o.good[cornerGroup] {
		o.yaw, o.pitch = t.neutral.turn(&own)
	} else if t.past != nil {
		o.yaw, o.pitch = t.last.yaw, t.last.pitch
	}
}

// sound tells which groups of points, in the face's own measure, no geometry of a face contradicts.
func sound(p *[points]inference.Point) (good [groups]bool) {
	l, r := p[mouthLeft], p[mouthRight]
	mouth := inference.Point{X: (l.X + r.X) / 2, Y: (l.Y + r.Y) / 2}
	wide := r.X - l.X
	good[cornerGroup] = wide > .25 && wide < 1.5 && mouth.Y > .5 && mouth.Y < 1.9 &&
		math.Abs(l.Y-r.Y) < .5*wide && math.Abs(mouth.X) < .6
	n := p[nose]
	good[noseGroup] = n.Y > .1 && n.Y < 1.2 && math.Abs(n.X) < .7 && n.Y < mouth.Y-.05
	u, d := p[upperLip], p[lowerLip]
	good[lipGroup] = d.Y > u.Y && d.Y-u.Y < 1.2 && u.Y > .4 && d.Y < 2.4 && math.Abs(u.X-d.X) < .4 &&
		math.Abs(u.X-mouth.X) < .45 && u.Y < mouth.Y+.35 && d.Y > mouth.Y-.2 && u.Y > n.Y-.05
	return good
}
