package lips

import (
	"math"

	"livedub/inference"
)

// shape is a mouth as it is in one picture, in face coordinates.
type shape struct {
	x, y       float64 // middle between the corners
	tilt       float64 // slope of the line through the corners
	width      float64 // between the corners
	upper      float64 // inner edge of the upper lip in the middle, down from y
	lower      float64 // inner edge of the lower lip, likewise; equal to upper where closed
	top, under float64 // outer edges of the lips, likewise
	contrast   float64 // of the lips' colour against what is between them, 0 for none

	lips [3]float32 // their mean colour: Y, U, V
}

// height returns the opening between the lips.
func (s shape) height() float64 { return s.lower - s.upper }

const (
	step    = .0125 // of the profile
	columns = 9     // averaged
	spread  = .11   // half width of what is averaged
)

// measure reads the mouth of a face from its picture. The tracker says where the
// lips are about; the opening is read from colours down the middle: between
// lips it is darker, or less red, than on both lips. reach is the contrast at
// which a pixel counts as wholly inside, from what was seen of this speaker.
func measure(pic picture, p pose, f inference.Face, reach float64) shape {
	l, r := p.inFace(f.MouthLeft), p.inFace(f.MouthRight)
	u, d := p.inFace(f.UpperLip), p.inFace(f.LowerLip)
	s := shape{x: (l.X + r.X) / 2, y: (l.Y + r.Y) / 2, width: r.X - l.X}
	if s.width > .1 {
		s.tilt = (r.Y - l.Y) / s.width
	}
	from, to := u.Y-.1, d.Y+.12
	n := int((to - from) / step)
	if n < 12 || n > 200 {
		n = 12
	}
	lum, us, red := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		y := from + float64(i)*step
		for k := range columns {
			x := (float64(k)/(columns-1)*2 - 1) * spread
			px, py := p.out(s.x+x, y+s.tilt*x)
			cu, cv := pic.chroma(px, py)
			lum[i] += float64(pic.luma(px, py)) / columns
			us[i] += float64(cu) / columns
			red[i] += float64(cv-cu) / columns
		}
	}
	at := func(y float64) int { return clamp(int((y-from)/step+.5), 0, n-1) }
	top, bottom := at(u.Y), at(d.Y)
	ui, mid, li := deepest(red, lum, at(u.Y-.07), top+(bottom-top)/6, bottom-(bottom-top)/5, at(d.Y+.08))
	lips := (lum[ui] + lum[li]) / 2
	u2 := (us[ui] + us[li]) / 2
	s.lips = [3]float32{float32(lips), float32(u2), float32(u2 + (red[ui]+red[li])/2)}
	in := make([]float64, n)
	for i := ui; i <= li; i++ {
		between := 0.0
		if li > ui {
			between = float64(i-ui) / float64(li-ui)
		}
		dip := red[ui] + (red[li]-red[ui])*between - red[i]
		light := lum[ui] + (lum[li]-lum[ui])*between
		bright := min((lum[i]-1.1*light)/(.15*light+1), dip/(.35*reach))
		in[i] = max(dip/reach, (.52*lips-lum[i])/(.2*lips+1), bright)
		s.contrast = max(s.contrast, dip)
	}
	// What lies between two inner places is inside too: a tongue, a shine on teeth.
	fill := append([]float64(nil), in...)
	for i := 1; i < n; i++ {
		fill[i] = max(fill[i], fill[i-1])
	}
	back := 0.0
	sum, moment := 0.0, 0.0
	for i := n - 1; i >= 0; i-- {
		back = max(back, in[i])
		v := min(max((min(back, fill[i])-.3)/.7, 0), 1)
		sum += v
		moment += v * float64(i)
	}
	c := float64(mid)
	if sum > 0 {
		c = moment / sum
	}
	h := sum * step
	c = from + c*step - s.y
	s.upper, s.lower = c-h/2, c+h/2
	s.top, s.under = u.Y-s.y, d.Y-s.y
	s.corners(pic, p)
	return s
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
