package testspeaker

import "math"

// pt is a place in the portrait: the origin lies between the eyes, y goes
// down, and the eyes' centres are 1 apart. In masks it is in pixels.
type pt struct{ x, y float64 }

// spline returns a closed curve through points (Catmull-Rom).
func spline(points ...pt) []pt {
	const steps = 8
	n := len(points)
	out := make([]pt, 0, n*steps)
	for i := range points {
		a, b, c, d := points[(i+n-1)%n], points[i], points[(i+1)%n], points[(i+2)%n]
		for k := range steps {
			t := float64(k) / steps
			out = append(out, pt{cubic(a.x, b.x, c.x, d.x, t), cubic(a.y, b.y, c.y, d.y, t)})
		}
	}
	return out
}

func cubic(a, b, c, d, t float64) float64 {
	return b + t*(c-a)/2 + t*t*(a-2.5*b+2*c-d/2) + t*t*t*((d-a)/2+1.5*(b-c))
}

// mirror closes a right half, given from top to bottom, with its left one.
func mirror(right ...pt) []pt {
	out := append([]pt(nil), right...)
	for i := len(right) - 1; i >= 0; i-- {
		if right[i].x != 0 {
			out = append(out, pt{-right[i].x, right[i].y})
		}
	}
	return out
}

// flip returns points on the other side of the face where side is -1.
func flip(points []pt, side float64) []pt {
	out := make([]pt, len(points))
	for i, p := range points {
		out[i] = pt{side * p.x, p.y}
	}
	return out
}

func ellipse(cx, cy, rx, ry float64) []pt {
	const n = 32
	out := make([]pt, n)
	for i := range out {
		s, c := math.Sincos(2 * math.Pi * float64(i) / n)
		out[i] = pt{cx + rx*c, cy + ry*s}
	}
	return out
}

// stroke returns the outline of a line along curve, width wide in its middle
// and tapering to the ends.
func stroke(curve []pt, width float64) []pt {
	n := len(curve)
	out := make([]pt, 2*n)
	for i, p := range curve {
		a, b := curve[max(i-1, 0)], curve[min(i+1, n-1)]
		dx, dy := b.x-a.x, b.y-a.y
		l := math.Hypot(dx, dy) + 1e-9
		f := float64(i) / float64(n-1)
		w := width / 2 * math.Sqrt(math.Max(0, 4*f*(1-f))+.02)
		out[i] = pt{p.x - dy/l*w, p.y + dx/l*w}
		out[2*n-1-i] = pt{p.x + dy/l*w, p.y - dx/l*w}
	}
	return out
}

// open returns an open curve through points, with straight ends.
func open(points ...pt) []pt {
	const steps = 6
	n := len(points)
	var out []pt
	for i := range n - 1 {
		a, b, c, d := points[max(i-1, 0)], points[i], points[i+1], points[min(i+2, n-1)]
		for k := range steps {
			t := float64(k) / steps
			out = append(out, pt{cubic(a.x, b.x, c.x, d.x, t), cubic(a.y, b.y, c.y, d.y, t)})
		}
	}
	return append(out, points[n-1])
}

func smooth(from, to, x float64) float64 {
	t := math.Min(1, math.Max(0, (x-from)/(to-from)))
	return t * t * (3 - 2*t)
}
