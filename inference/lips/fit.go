package lips

import "math"

// Why tells why none of the speaker's own mouths was shown in a frame.
type Why string

const (
	NoFace       Why = "no_face"    // none is seen, or none that may be changed
	Untrusted    Why = "untrusted"  // its pose, its size or what covers it do not allow a mouth to be made
	TooFew       Why = "too_few"    // mouths are known
	OtherPose    Why = "other_pose" // in which all mouths were seen that are known
	OtherOutline Why = "outline"    // the mouths seen in this pose end where this face goes on, or the other way round
	Torn         Why = "torn"       // edges came into the face that are not its own
	Unread       Why = "unread"     // nobody knows what the mouth does: its readings say different things
	Elsewhere    Why = "elsewhere"  // whoever said it is not in the picture, only others are
)

// Whys are all of them.
var Whys = []Why{NoFace, Untrusted, TooFew, OtherPose, OtherOutline, Torn, Unread, Elsewhere}

// How far a head may be turned away from where a mouth was seen, and be shown it.
const (
	mostTurn    = .26 // yaw and pitch, radians
	mostRoll    = .5
	mostScale   = 1.1 // binary logarithm
	mostMiddle  = .13
	mostRest    = .62 // of what registration of the noses leaves: beyond, the tracker errs about the pose
	lostRest    = .7  // beyond, even of the nearest, it errs about where the mouth is too
	enoughPosed = 3
	tries       = 4 // mouths that are tried in a frame
)

// poses tells whether a mouth was seen in about the pose of the frame.
func (v *view) poses(e *entry) bool {
	turn := math.Atan2(e.pose.s, e.pose.c) - math.Atan2(v.pose.s, v.pose.c)
	return math.Abs(e.yaw-v.turned[0]) <= mostTurn && math.Abs(e.pitch-v.turned[1]) <= mostTurn &&
		math.Abs(turn) <= mostRoll && math.Abs(math.Log2(e.pose.eyes()/v.pose.eyes())) <= mostScale &&
		math.Abs(e.middle-v.middle) <= mostMiddle
}

// face tells how far a place on the new mouth lies within the face, both in the
// frame and in the layer: 0 beyond the edge of either.
func (p *paste) face(x, y float64) float64 {
	if p.edge[0] == nil {
		return 1
	}
	ox, oy := x+p.mouth.x-p.old.x, y-p.chin(x, y)+p.mouth.y-p.old.y+(p.mouth.tilt-p.old.tilt)*x
	in := p.edge[0].within(ox, oy)
	if in == 0 || p.edge[1] == nil {
		return in
	}
	sx, sy, _ := p.layer.warp.back(x, y)
	return min(in, p.edge[1].within(sx, sy))
}

// covers tells whether the face reaches, in frame and layer, beyond the lips of
// the mouth before, which are to be hidden, and of the new one.
func (p *paste) covers() bool {
	missing := 0
	old := p.old
	for k := range rays {
		dx, dy := ray(k)
		r := old.rim(dx, dy) + .02
		x, y := r*dx+old.x-p.mouth.x, r*dy+old.y-p.mouth.y
		w := p.layer.warp
		w.from.width, w.from.under = w.width, w.from.under+max(w.more, 0)
		r = w.from.rim(dx, dy) + .02
		if p.face(x, y) < .5 || p.face(r*dx, r*dy) < .5 {
			missing++
		}
	}
	return missing <= 1
}

// hangs tells whether skin is missing beside a corner of the new mouth, in the
// frame or in the layer, as their comparison found.
func (p *paste) hangs(r region) bool {
	if p.layer.fixed {
		return false
	}
	for _, side := range [...]float64{-1, 1} {
		cut := 0
		for _, y := range [...]float64{-.06, 0, .06} {
			x := side * (p.layer.warp.width/2 + .15)
			if cover := r.cover(x, y) * p.amount; cover > .2 && float64(p.mask.at(x, y)) < .6*cover {
				cut++
			}
		}
		if cut >= 2 {
			return true
		}
	}
	return false
}
