package face

import (
	"cmp"
	"math"
	"slices"
	"time"

	"livedub/inference"
)

const (
	poseSigma  = 60 * time.Millisecond // eyes, nose, box, turn
	mouthSigma = 32 * time.Millisecond // mouths move faster than heads
	reach      = 100 * time.Millisecond

	// Farther from the median around it, in eye distances, a point is an outlier.
	eyeOutlier   = .08
	pointOutlier = .2
)

// Faces returns the faces of the frame of time t, largest first. It rests on
// what was seen up to inference.FaceWindow before and after t.
func (s *stream) Faces(t time.Duration) []inference.Face {
	s.mu.Lock()
	defer s.mu.Unlock()
	var faces []inference.Face
	for _, h := range s.seen {
		if h.id == 0 || h.confirmed > t+inference.FaceWindow {
			continue
		}
		near := h.near(t)
		if s.covered(near, t) {
			if f, ok := smooth(near, t); ok {
				f.ID, f.Since = h.id, h.since
				faces = append(faces, f)
			}
		}
	}
	slices.SortStableFunc(faces, func(a, b inference.Face) int { return cmp.Compare(b.Size, a.Size) })
	return faces
}

// near returns the observations that the face at time t may rest on.
func (h *history) near(t time.Duration) []observation {
	at := func(o observation, t time.Duration) int { return cmp.Compare(o.at, t) }
	i, _ := slices.BinarySearchFunc(h.observations, t-inference.FaceWindow, at)
	j, _ := slices.BinarySearchFunc(h.observations, t+inference.FaceWindow+1, at)
	return h.observations[i:j]
}

// covered tells whether a face is known at time t: it was seen then, or on both
// sides, or shortly before without having been missed since.
func (s *stream) covered(near []observation, t time.Duration) bool {
	if len(near) == 0 || near[0].at > t {
		return false
	}
	if near[len(near)-1].at >= t {
		return true
	}
	last := near[len(near)-1].at
	i, _ := slices.BinarySearch(s.looked, last+1)
	return t-last <= reach && (i == len(s.looked) || s.looked[i] > t)
}

// sample is where a point was seen, d seconds after the moment asked for.
type sample struct {
	d   float64
	p   inference.Point
	bad bool // it does not count where others do
}

// series is the way of one point over time.
type series []sample

// mark marks what lies farther than limit, and farther than the point moves
// anyway, from the median around it.
func (s series) flag(limit float64) {
	n := len(s)
	if n < 4 {
		return
	}
	for i := range n {
		lo := max(0, min(i-2, n-5))
		around := s[lo:min(lo+5, n)]
		m := inference.Point{X: median(around, func(p inference.Point) float64 { return p.X }),
			Y: median(around, func(p inference.Point) float64 { return p.Y })}
		var steps []float64
		for k := range around[1:] {
			steps = append(steps, math.Hypot(around[k+1].p.X-around[k].p.X, around[k+1].p.Y-around[k].p.Y))
		}
		slices.Sort(steps)
		if math.Hypot(s[i].p.X-m.X, s[i].p.Y-m.Y) > limit+2.5*steps[(len(steps)-1)/2] {
			s[i].bad = true
		}
	}
}

func median(of series, value func(inference.Point) float64) float64 {
	v := make([]float64, len(of))
	for i := range of {
		v[i] = value(of[i].p)
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// line fits a line to the series with Gaussian weights around moment t, of width
// sigma, in seconds, and returns where it is then: at the edges, where samples lie on one side only,
// a mean would lag behind a moving head.
func (s series) line(t, sigma float64) inference.Point {
	var w0, w1, w2 float64
	var v0, v1 inference.Point
	for pass := range 2 { // where nothing good is left, everything counts
		for _, o := range s {
			if o.bad && pass == 0 {
				continue
			}
			d, p := o.d-t, o.p
			w := math.Exp(-d*d/(2*sigma*sigma)) + 1e-9
			w0, w1, w2 = w0+w, w1+w*d, w2+w*d*d
			v0.X, v0.Y = v0.X+w*p.X, v0.Y+w*p.Y
			v1.X, v1.Y = v1.X+w*d*p.X, v1.Y+w*d*p.Y
		}
		if w0 > 0 {
			break
		}
	}
	m := w1 / w0
	spread := w2/w0 - m*m + 1e-4 // plus 10 ms, so that two close samples give no steep line
	at := func(v0, v1 float64) float64 {
		v := v0 / w0
		return v - m*(v1/w0-m*v)/spread
	}
	return inference.Point{X: at(v0.X, v1.X), Y: at(v0.Y, v1.Y)}
}

// smooth returns the face at time t, and false if what is known makes no face.
func smooth(near []observation, t time.Duration) (inference.Face, bool) {
	n := len(near)
	left, right, turn, trust := make(series, n), make(series, n), make(series, n), make(series, n)
	var eyes float64
	for i, o := range near {
		d := (o.at - t).Seconds()
		left[i], right[i] = sample{d: d, p: o.left}, sample{d: d, p: o.right}
		turn[i] = sample{d, inference.Point{X: o.yaw, Y: o.pitch}, !o.good[noseGroup] || !o.good[cornerGroup]}
		trust[i] = sample{d: d, p: inference.Point{X: o.trust}}
		eyes += o.frame().eyes / float64(n)
	}
	left.flag(eyeOutlier * eyes)
	right.flag(eyeOutlier * eyes)
	for i := range n { // a frame needs both
		bad := left[i].bad || right[i].bad
		left[i].bad, right[i].bad = bad, bad
	}
	pose := func(d float64) frame {
		return frameOf(left.line(d, poseSigma.Seconds()), right.line(d, poseSigma.Seconds()))
	}
	now := pose(0)
	frames := make([]frame, n)
	for i := range near {
		frames[i] = pose(left[i].d)
	}
	var p [points]inference.Point
	for k := range p {
		own := make(series, n)
		for i, o := range near {
			own[i] = sample{left[i].d, frames[i].of(o.points[k]), !o.good[groupOf[k]]}
		}
		own.flag(pointOutlier)
		sigma := mouthSigma
		if k == nose {
			sigma = poseSigma
		}
		p[k] = now.place(own.line(0, sigma.Seconds()))
	}
	turned := turn.line(0, poseSigma.Seconds())
	middle := now.place(inference.Point{Y: boxBelow})
	f := inference.Face{
		Confidence: min(max(1.05*trust.line(0, poseSigma.Seconds()).X*certain(near, t), 0), 1),
		Center:     middle, Size: boxEyes * now.eyes,
		LeftEye: now.place(inference.Point{X: -.5}), RightEye: now.place(inference.Point{X: .5}),
		Nose: p[nose], MouthLeft: p[mouthLeft], MouthRight: p[mouthRight], UpperLip: p[upperLip], LowerLip: p[lowerLip],
		Yaw: turned.X, Pitch: turned.Y, Roll: now.roll,
	}
	if f.UpperLip.Y > f.LowerLip.Y {
		f.UpperLip.Y, f.LowerLip.Y = f.LowerLip.Y, f.UpperLip.Y
	}
	return f, f.LeftEye.X < f.RightEye.X && f.MouthLeft.X < f.MouthRight.X
}

// certain returns how much the time from t to the nearest observation leaves of a face's confidence.
func certain(near []observation, t time.Duration) float64 {
	gap := inference.FaceWindow
	for _, o := range near {
		gap = min(gap, (o.at - t).Abs())
	}
	return math.Exp(-math.Pow(gap.Seconds()/.12, 2))
}
