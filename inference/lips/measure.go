package lips

import (
	"math"

	"livedub/inference"
	"livedub/inference/lips/opening"
)

// shape is a mouth as it is in one frame, in face coordinates.
type shape struct {
	x, y       float64 // middle between the corners
	tilt       float64 // slope of the line through the corners
	width      float64 // between the corners
	coloured   float64 // likewise, as colours alone have it
	upper      float64 // inner edge of the upper lip in the middle, down from y
	lower      float64 // inner edge of the lower lip, likewise; equal to upper where closed
	top, under float64 // outer edges of the lips, likewise
	contrast   float64 // of the lips' colour against what is between them, 0 for none

	read    readings   // of the opening, which upper and lower are made of
	middles [2]float64 // of the opening, down from y, by colour and by the tracker

	lips [3]float32 // their mean colour: Y, U, V
}

// height returns the opening between the lips.
func (s shape) height() float64 { return s.lower - s.upper }

const (
	step    = .0125 // of the profile
	columns = 9     // averaged
	spread  = .11   // half width of what is averaged

	upperShare = .46 // of a mouth's height is above the middle of its opening
)

// measure reads the mouth of a face from its frame. The tracker says where the
// lips are about; the opening is read from colours down the middle, where between
// lips it is darker, or less red, than on both lips, from the tracker's own points,
// and from edges. How far each is believed depends on what was seen of this speaker.
func measure(pic frame, p pose, f inference.Face, of *habits) shape {
	l, r := p.inFace(f.MouthLeft), p.inFace(f.MouthRight)
	u, d := p.inFace(f.UpperLip), p.inFace(f.LowerLip)
	s := shape{x: (l.X + r.X) / 2, y: (l.Y + r.Y) / 2, width: r.X - l.X}
	if s.width > .1 {
		s.tilt = (r.Y - l.Y) / s.width
	}
	q := s.profile(pic, p, u.Y-.1, d.Y+.12)
	top, bottom := q.at(u.Y), q.at(d.Y)
	upper, mid, lower := deepest(q.red, q.lum, q.at(u.Y-.07), top+(bottom-top)/6, bottom-(bottom-top)/5, q.at(d.Y+.08))
	s.lips = q.colour(upper, lower)
	var in []float64
	in, s.contrast = q.inside(upper, lower, of.reach)
	centre, height := hollow(in, mid)
	s.read = readings{byColour: height * step, byTracker: d.Y - u.Y, byEdges: edges(pic, p, f)}
	s.middles = [2]float64{q.from + centre*step - s.y, u.Y + upperShare*(d.Y-u.Y) - s.y}
	of.part(&s)
	s.top, s.under = u.Y-s.y, d.Y-s.y
	s.corners(pic, p, of.colours())
	return s
}

// edges returns the opening that edges around the mouth mean.
func edges(pic frame, p pose, f inference.Face) float64 {
	l, r := f.MouthLeft, f.MouthRight
	unit := p.eyes() / max(math.Hypot(r.X-l.X, r.Y-l.Y), 1)
	x, y := pic.at((l.X+r.X)/2, (l.Y+r.Y)/2)
	luma := opening.Plane{Pix: pic.y.b, Stride: pic.y.stride, W: pic.y.w, H: pic.y.h}
	at := opening.Place{X: x, Y: y, Ax: (r.X - l.X) * unit * pic.scale, Ay: (r.Y - l.Y) * unit * pic.scale}
	return opening.Learned.Height(luma.Sample(at).Features())
}

// profile is what is seen down the middle of a mouth, step by step from a place on.
type profile struct {
	from float64
	lum  []float64
	u    []float64
	red  []float64 // V less U: lips have more of it than skin, teeth and hollow
}

func (s *shape) profile(pic frame, p pose, from, to float64) profile {
	n := int((to - from) / step)
	if n < 12 || n > 200 {
		n = 12
	}
	q := profile{from, make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range n {
		y := from + float64(i)*step
		for k := range columns {
			x := (float64(k)/(columns-1)*2 - 1) * spread
			px, py := p.out(s.x+x, y+s.tilt*x)
			u, v := pic.chroma(px, py)
			q.lum[i] += float64(pic.luma(px, py)) / columns
			q.u[i] += float64(u) / columns
			q.red[i] += float64(v-u) / columns
		}
	}
	return q
}

// at returns the index of the place y.
func (q profile) at(y float64) int { return clamp(int((y-q.from)/step+.5), 0, len(q.red)-1) }

// colour returns the mean colour of two places.
func (q profile) colour(a, b int) [3]float32 {
	u := (q.u[a] + q.u[b]) / 2
	return [3]float32{float32((q.lum[a] + q.lum[b]) / 2), float32(u), float32(u + (q.red[a]+q.red[b])/2)}
}

// inside tells how surely each place lies between the lips, from 1 on wholly,
// and the greatest contrast to them. upper and lower are where they are reddest.
func (q profile) inside(upper, lower int, reach float64) (in []float64, contrast float64) {
	in = make([]float64, len(q.red))
	lips := (q.lum[upper] + q.lum[lower]) / 2
	for i := upper; i <= lower; i++ {
		between := 0.0
		if lower > upper {
			between = float64(i-upper) / float64(lower-upper)
		}
		dip := q.red[upper] + (q.red[lower]-q.red[upper])*between - q.red[i]
		light := q.lum[upper] + (q.lum[lower]-q.lum[upper])*between
		bright := min((q.lum[i]-1.1*light)/(.15*light+1), dip/(.35*reach))
		in[i] = max(dip/reach, (.52*lips-q.lum[i])/(.2*lips+1), bright)
		contrast = max(contrast, dip)
	}
	return in, contrast
}

// hollow returns the middle and the height, in steps, of what is inside; mid
// where nothing is. What lies between two inner places is inside too: a tongue,
// a shine on teeth.
func hollow(in []float64, mid int) (centre, height float64) {
	before := append([]float64(nil), in...)
	for i := 1; i < len(in); i++ {
		before[i] = max(before[i], before[i-1])
	}
	after, moment := 0.0, 0.0
	for i := len(in) - 1; i >= 0; i-- {
		after = max(after, in[i])
		v := min(max((min(after, before[i])-.3)/.7, 0), 1)
		height += v
		moment += v * float64(i)
	}
	if height == 0 {
		return float64(mid), 0
	}
	return moment / height, height
}

// deepest returns where, down the middle of a mouth, the redder lips and what
// is between them lie: the place from lo to hi that is least red and darkest
// against the reddest above it, from first on, and below it, up to last.
func deepest(red, lum []float64, first, lo, hi, last int) (upper, mid, lower int) {
	below := make([]int, len(red)) // index of the reddest from here to last
	below[last] = last
	for i := last - 1; i >= 0; i-- {
		below[i] = below[i+1]
		if red[i] > red[below[i]] {
			below[i] = i
		}
	}
	upper, mid, lower = lo, lo, below[lo]
	above, best := first, math.Inf(-1)
	for i := first; i <= hi; i++ {
		if red[i] > red[above] {
			above = i
		}
		if i < lo {
			continue
		}
		b := below[i]
		dip := min(red[above], red[b]) - red[i] + .35*max(min(lum[above], lum[b])-lum[i], 0)
		if dip > best {
			upper, mid, lower, best = above, i, b, dip
		}
	}
	return upper, mid, lower
}
