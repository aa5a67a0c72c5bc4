package lips

import (
	"math"

	"livedub/inference"
)

// A pose maps face coordinates to a frame: their origin is the tip of the
// nose, x runs along the eyes to the frame's right, y down the face, and the
// unit is the distance between the eyes.
type pose struct {
	x, y float64 // of the origin, pixels
	c, s float64 // scale times cosine and sine of the roll
}

// poseOf returns the pose of a face by its eyes; a head turned aside shows them closer together.
func poseOf(f inference.Face) pose {
	dx, dy := f.RightEye.X-f.LeftEye.X, f.RightEye.Y-f.LeftEye.Y
	turn := max(math.Cos(f.Yaw), .8)
	return pose{f.Nose.X, f.Nose.Y, dx / turn, dy / turn}
}

// eyes returns the distance between the eyes in pixels.
func (p pose) eyes() float64 { return math.Hypot(p.c, p.s) }

// out maps a place on the face to the frame.
func (p pose) out(x, y float64) (float64, float64) {
	return p.x + p.c*x - p.s*y, p.y + p.s*x + p.c*y
}

// in maps a place in the frame to the face.
func (p pose) in(x, y float64) (float64, float64) {
	x, y = x-p.x, y-p.y
	n := 1 / (p.c*p.c + p.s*p.s)
	return (p.c*x + p.s*y) * n, (p.c*y - p.s*x) * n
}

// inFace maps a point of the frame to face coordinates.
func (p pose) inFace(q inference.Point) inference.Point {
	x, y := p.in(q.X, q.Y)
	return inference.Point{X: x, Y: y}
}
