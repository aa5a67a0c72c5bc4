package lips

import "math"

const (
	cornerStep = .0125
	cornerFrom = .24 // how far outside the tracker's corner the search begins
	cornerTo   = .22 // and how far inside it ends
)

// corners refines the corners of a mouth by colour: from the cheek inwards, a
// corner is where the frame turns from this cheek's skin to the lips, or to
// the dark line between them. share is how much colours count against the
// tracker, which errs otherwise: both together err less.
func (s *shape) corners(pic frame, p pose, share float64) {
	left, right := s.corner(pic, p, -1), s.corner(pic, p, 1)
	s.coloured = right - left
	left, right = left*share-(1-share)*s.width/2, right*share+(1-share)*s.width/2
	s.x += (left + right) / 2
	s.y += s.tilt * (left + right) / 2
	s.width = right - left
}

// corner returns a corner's place from the middle of the mouth along its line; side is -1 or 1.
func (s *shape) corner(pic frame, p pose, side float64) float64 {
	guess := s.width / 2
	skin := s.patch(pic, p, side*(guess+.2), 0, .06)
	apart := func(c [3]float32) float64 {
		y, u, v := float64(c[0]-skin[0])*.4, float64(c[1]-skin[1]), float64(c[2]-skin[2])
		return math.Sqrt(y*y + u*u + v*v)
	}
	full := apart(s.lips)
	if full < 6 { // lips like skin: nothing to see
		return side * guess
	}
	n := int((cornerFrom+min(cornerTo, max(guess-.1, 0)))/cornerStep) + 1
	// How unlike skin it is, from outside in, along the line between the lips.
	middle := (s.upper + s.lower) / 2
	seen := make([]float64, n)
	for i := range seen {
		x := guess + cornerFrom - float64(i)*cornerStep
		y := middle * max(0, 1-square(x/guess))
		for k := range 3 {
			seen[i] = max(seen[i], apart(s.patch(pic, p, side*x, y+(float64(k)-1)*.03, .0125))/full)
		}
	}
	// The step that parts them best: skin outside, lips inside.
	best, sum, least := 0, 0.0, 0.0
	for i, v := range seen {
		sum += min(v, 1) - .5
		if sum < least {
			least, best = sum, i+1
		}
	}
	if best == 0 || best >= n {
		return side * guess
	}
	part := 0.0
	if d := seen[best] - seen[best-1]; d > 1e-6 {
		part = min(max((seen[best]-.5)/d, 0), 1)
	}
	return side * (guess + cornerFrom - (float64(best)-part)*cornerStep)
}

// patch returns the mean colour around a place on the mouth.
func (s *shape) patch(pic frame, p pose, x, y, r float64) (c [3]float32) {
	for k := range 4 {
		dx, dy := r*float64(k%2*2-1), r*float64(k/2*2-1)
		px, py := p.out(s.x+x+dx, s.y+s.tilt*(x+dx)+y+dy)
		u, v := pic.chroma(px, py)
		c[0] += pic.luma(px, py) / 4
		c[1] += u / 4
		c[2] += v / 4
	}
	return c
}
