package face

import (
	"math"
	"time"

	"livedub/inference"
	"livedub/media"
)

// The points of a face besides its eyes.
const (
	nose = iota
	mouthLeft
	mouthRight
	upperLip
	lowerLip
	points
)

// Points are believed or rejected in groups.
const (
	noseGroup = iota
	cornerGroup
	lipGroup
	groups
)

var groupOf = [points]int{noseGroup, cornerGroup, cornerGroup, lipGroup, lipGroup}

// observation is one face as measured in one frame.
type observation struct {
	at          time.Duration
	left, right inference.Point // eyes
	points      [points]inference.Point
	good        [groups]bool // whether its points are to be believed
	score       float64
	trust       float64 // 0..1
	yaw, pitch  float64
}

func (o *observation) frame() frame { return frameOf(o.left, o.right) }

// box returns the classifier's window around the face.
func (o *observation) box() box {
	f := o.frame()
	p := f.place(inference.Point{Y: boxBelow})
	return box{x: p.X, y: p.Y, side: boxEyes * f.eyes, score: o.score}
}

const (
	boxEyes  = 2.9 // side of a classifier's window over the distance between the eyes
	boxBelow = .22 // its middle, in eye distances below the eyes

	plainScore = 25 // no need to look farther
)

// prediction says where a face will be in the next frame.
type prediction struct {
	frame
	speed inference.Point // pixels a second
	at    time.Duration
}

// to returns the face's frame at time t.
func (p prediction) to(t time.Duration) frame {
	f := p.frame
	dt := min((t - p.at).Seconds(), .1)
	limit := .3 * f.eyes // motion that goes on for longer is not steady
	f.mid.X += min(max(p.speed.X*dt, -limit), limit)
	f.mid.Y += min(max(p.speed.Y*dt, -limit), limit)
	return f
}

// learn takes a measured frame.
func (p *prediction) learn(f frame, t time.Duration) {
	dt := (t - p.at).Seconds()
	if dt > 0 && dt < .3 {
		p.speed.X += .6 * ((f.mid.X-p.mid.X)/dt - p.speed.X)
		p.speed.Y += .6 * ((f.mid.Y-p.mid.Y)/dt - p.speed.Y)
	} else {
		p.speed = inference.Point{}
	}
	p.frame, p.at = f, t
}

// follower measures faces; it holds the memory of one stream.
type follower struct {
	crop   crop
	walker walker
	found  []box
}

// begin measures the face in a window that the search found.
func (w *follower) begin(c *cascades, t *track, f *media.Frame, b box) (observation, bool) {
	at := frame{mid: inference.Point{X: b.x, Y: b.y - boxBelow/boxEyes*b.side}, eyes: b.side / boxEyes}
	for range 2 { // turned upright and brought to size, the face is seen better
		w.crop.cut(f, at)
		score, window := w.windows(c)
		eyes, ok := w.eyes(c, window, true)
		if score <= beginScore || !ok {
			return observation{}, false
		}
		at = eyes
	}
	t.next = prediction{frame: at, at: f.PTS}
	return w.follow(c, t, f)
}

// follow measures the face of t in f and tells whether it was seen.
func (w *follower) follow(c *cascades, t *track, f *media.Frame) (observation, bool) {
	at := t.next.to(f.PTS)
	if at.mid.X < 0 || at.mid.Y < 0 || at.mid.X > float64(f.Width) || at.mid.Y > float64(f.Height) {
		return observation{}, false
	}
	w.crop.cut(f, at)
	score, window := w.windows(c)
	if score <= keepScore {
		return observation{}, false
	}
	eyes, ok := w.eyes(c, window, math.Hypot(window.x, window.y-boxBelow) > .25)
	if !ok {
		if eyes, ok = w.eyes(c, window, true); !ok {
			return observation{}, false
		}
	}
	o := observation{at: f.PTS, score: score}
	o.left = eyes.place(inference.Point{X: -.5})
	o.right = eyes.place(inference.Point{X: .5})
	spread := w.landmarks(c, &o, eyes)
	t.weigh(&o, spread)
	o.trust *= within(&o, f)
	t.next.learn(eyes, f.PTS)
	return o, true
}

// within returns what the frame's border leaves of an observation's trust:
// beside it cascades see what is not there.
func within(o *observation, f *media.Frame) float64 {
	trust := 1.0
	margin := .25 * o.frame().eyes
	for _, p := range append([]inference.Point{o.left, o.right}, o.points[:]...) {
		if p.X < margin || p.Y < margin || p.X > float64(f.Width)-margin || p.Y > float64(f.Height)-margin {
			trust *= .6
		}
	}
	return trust
}

// windows scores windows around the crop's middle and returns the sum of those
// that show the likeliest face, and that face in the crop's own measure.
func (w *follower) windows(c *cascades) (score float64, best box) {
	w.found = w.found[:0]
	for _, far := range []bool{false, true} { // near the middle, and if that was not plain all around
		for _, side := range []float64{boxEyes / 1.15, boxEyes, boxEyes * 1.15} {
			for iy := -2; iy <= 2; iy++ {
				for ix := -2; ix <= 2; ix++ {
					if max(ix*ix, iy*iy) > 1 != far {
						continue
					}
					p := inference.Point{X: float64(ix) * shift * side, Y: boxBelow + float64(iy)*shift*side}
					x, y := w.crop.pixel(p)
					if q := c.face.score(&w.crop.gray, x, y, side*w.crop.eyes); q > 0 {
						w.found = append(w.found, box{p.X, p.Y, side, q})
					}
				}
			}
		}
		for _, g := range merge(w.found) {
			if g.score > score {
				score, best = g.score, g
			}
		}
		if score > plainScore {
			break
		}
	}
	return score, best
}

// How far the cascades' results lie from the middle of a pixel, in eye
// distances: they were trained on truncated coordinates. Measured as half
// the difference between a result and that of the mirror image.
const (
	eyeBias   = .007
	pointBias = .012
)

// eyes locates the eyes: near where the crop has them, or with lost near where
// the window has them. It tells whether they fit to the window.
func (w *follower) eyes(c *cascades, window box, lost bool) (frame, bool) {
	start, reach, side := inference.Point{}, .5, .9
	if lost {
		start = inference.Point{X: window.x, Y: window.y - boxBelow*window.side/boxEyes}
		reach, side = .5*window.side/boxEyes, 1.1
	}
	var eye [2]inference.Point
	for i, sign := range []float64{-1, 1} {
		x, y := w.crop.pixel(inference.Point{X: start.X + sign*reach, Y: start.Y})
		p, _ := w.walker.locate(c.eye, &w.crop.gray, x, y, side*w.crop.eyes, i == 1)
		eye[i] = w.crop.own(p.X, p.Y)
		eye[i].X -= sign * eyeBias
	}
	f := frameOf(eye[0], eye[1])
	middle := f.place(inference.Point{Y: boxBelow})
	ok := eye[0].X < eye[1].X && math.Abs(f.roll) < .45 && math.Abs(f.roll+w.crop.at.roll) < .75 &&
		window.side/f.eyes > 2.1 && window.side/f.eyes < 4.2 &&
		math.Hypot(middle.X-window.x, middle.Y-window.y) < .35*f.eyes
	return frameOf(w.crop.at.place(eye[0]), w.crop.at.place(eye[1])), ok
}

// landmarks locates all other points and returns their spread in eye distances.
func (w *follower) landmarks(c *cascades, o *observation, eyes frame) (spread [points]float64) {
	at := w.crop.at
	s := eyes.eyes / at.eyes
	one := func(l *localizer, mirror bool) (inference.Point, float64) {
		bias := pointBias
		if mirror {
			bias = -bias
		}
		start := at.of(eyes.place(inference.Point{Y: .25}))
		x, y := w.crop.pixel(start)
		p, d := w.walker.locate(l, &w.crop.gray, x, y, 3*s*w.crop.eyes, mirror)
		own := w.crop.own(p.X, p.Y)
		own.X += bias * s
		own.Y += pointBias * s
		return at.place(own), d / w.crop.eyes / s
	}
	both := func(l *localizer) (inference.Point, float64) {
		p, d := one(l, false)
		q, e := one(l, true)
		return inference.Point{X: (p.X + q.X) / 2, Y: (p.Y + q.Y) / 2}, max((d+e)/2, math.Hypot(p.X-q.X, p.Y-q.Y)/eyes.eyes/2)
	}
	o.points[nose], spread[nose] = one(c.nose, false)
	o.points[mouthLeft], spread[mouthLeft] = one(c.corner, false)
	o.points[mouthRight], spread[mouthRight] = one(c.corner, true)
	o.points[upperLip], spread[upperLip] = both(c.upperLip)
	o.points[lowerLip], spread[lowerLip] = both(c.lowerLip)
	return spread
}
