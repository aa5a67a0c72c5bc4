package lips

import "math"

// sample is one place at the mouth where the layer is compared with the picture.
type sample struct {
	x, y   float64
	weight float64
	diff   [3]float64 // picture minus layer, by plane
}

const (
	matchStep = .06
	unlikely  = 22 // difference in brightness at which two places are not the same skin
)

// match fits the layer's colours to the skin around the mouth, and takes out of
// the mask what is not the same skin in both: the background beside a jaw, hair.
func (p *paste) match() {
	var ring []sample
	lip := p.layer.warp
	for y := maskY; y < maskY+maskStep*maskH; y += matchStep {
		for x := maskX; x < -maskX; x += matchStep {
			a := p.mask.at(x, y)
			if a <= .02 || p.lips(x, y, .08) {
				continue
			}
			s := sample{x: x, y: y, weight: 1}
			px, py := p.global(x, y)
			ox, oy := p.sunk(px, py, x, y)
			sx, sy, _ := lip.back(x, y)
			fx, fy := p.source(sx, sy)
			ou, ov := p.before.chroma(ox, oy)
			nu, nv := p.layer.src.chroma(fx, fy)
			s.diff = [3]float64{soft(p.before, ox, oy, p.pose.eyes()) - soft(p.layer.src, fx, fy, p.layer.pose.eyes()), float64(ou - nu), float64(ov - nv)}
			ring = append(ring, s)
		}
	}
	if len(ring) < 12 {
		return
	}
	for range 3 {
		for k := range p.tint {
			p.tint[k] = fit(ring, k)
		}
		for i := range ring {
			s := &ring[i]
			s.weight = 1 / (1 + square(p.strangeness(s)))
		}
	}
	// Where skin is not the same in both, the picture stays as it is.
	for i := range p.mask {
		x, y := p.mask.place(i)
		if p.mask[i] == 0 || p.lips(x, y, .14) {
			continue
		}
		var sum, n float64
		for j := range ring {
			d := square(ring[j].x-x) + square(ring[j].y-y)
			if d > square(1.6*matchStep) {
				continue
			}
			g := math.Exp(-d / square(matchStep))
			sum += g * ring[j].weight
			n += g
		}
		if n > .05 {
			p.mask[i] *= float32(smooth((sum/n - .12) / .25))
		}
	}
}

// lips tells whether a place is within margin of the lips of the new mouth or of the one before.
func (p *paste) lips(x, y, margin float64) bool {
	w, old := p.layer.warp, p.old
	on := func(x, y, width, top, under float64) bool {
		return square(x/(.5*width+margin))+square((y-(top+under)/2)/((under-top)/2+margin)) < 1
	}
	return on(x, y, w.width, w.from.top, w.from.under+max(w.more, 0)) ||
		on(x+p.mouth.x-old.x, y+p.mouth.y-old.y, old.width, old.top, old.under)
}

// strangeness is how unlike a place is in both, after the colours were fitted: 1 is much.
func (p *paste) strangeness(s *sample) float64 {
	d := (s.diff[0] - float64(p.tint[0].at(s.x, s.y))) / unlikely
	u := (s.diff[1] - float64(p.tint[1].at(s.x, s.y))) / (unlikely / 2)
	v := (s.diff[2] - float64(p.tint[2].at(s.x, s.y))) / (unlikely / 2)
	return math.Sqrt(d*d + u*u + v*v)
}

// soft reads the brightness around a place, over about a twentieth of the distance between the eyes.
func soft(pic picture, x, y, eyes float64) float64 {
	d := .018 * eyes
	return float64(pic.luma(x-d, y-d)+pic.luma(x+d, y-d)+pic.luma(x-d, y+d)+pic.luma(x+d, y+d)) / 4
}

// fit returns the plane through the samples' differences, by weighted least squares.
func fit(ring []sample, k int) tint {
	var n, sx, sy, sxx, sxy, syy, z, zx, zy float64
	for _, s := range ring {
		w, d := s.weight, s.diff[k]
		n += w
		sx += w * s.x
		sy += w * s.y
		sxx += w * s.x * s.x
		sxy += w * s.x * s.y
		syy += w * s.y * s.y
		z += w * d
		zx += w * d * s.x
		zy += w * d * s.y
	}
	sxx += .02 * n // few places or one side only: rather an even offset
	syy += .02 * n
	det := n*(sxx*syy-sxy*sxy) - sx*(sx*syy-sxy*sy) + sy*(sx*sxy-sxx*sy)
	if math.Abs(det) < 1e-9 {
		return tint{}
	}
	return tint{
		a: (z*(sxx*syy-sxy*sxy) - sx*(zx*syy-sxy*zy) + sy*(zx*sxy-sxx*zy)) / det,
		x: (n*(zx*syy-zy*sxy) - z*(sx*syy-sxy*sy) + sy*(sx*zy-zx*sy)) / det,
		y: (n*(sxx*zy-sxy*zx) - sx*(sx*zy-zx*sy) + z*(sx*sxy-sxx*sy)) / det,
	}
}
