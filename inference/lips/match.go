package lips

import "math"

// sample is one place at the mouth where the layer is compared with the picture.
type sample struct {
	x, y   float64
	weight float64
	diff   [3]float64 // picture minus layer, by plane
}

const (
	matchStep = 2 * maskStep
	matchW    = (maskW + 1) / 2
	matchH    = (maskH + 1) / 2
	unlikely  = 22 // difference in brightness at which two places are not the same skin
)

// match fits the layer's colours to the skin around the mouth, and takes out of
// the mask what is not the same skin in both: the background beside a jaw, hair.
func (p *paste) match() {
	ring := make([]sample, 0, matchW*matchH)
	var where [matchW * matchH]int // 1 + index in ring
	lip := p.layer.warp
	for i := range where {
		x, y := maskX+float64(i%matchW)*matchStep, maskY+float64(i/matchW)*matchStep
		if p.mask[i/matchW*2*maskW+i%matchW*2] <= .02 || p.lips(x, y, .08) {
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
		where[i] = len(ring)
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
		col, row := i%maskW/2, i/maskW/2
		for r := max(row-1, 0); r <= min(row+1, matchH-1); r++ {
			for c := max(col-1, 0); c <= min(col+1, matchW-1); c++ {
				if k := where[r*matchW+c]; k > 0 {
					s := &ring[k-1]
					near := max(0, 1-(square(s.x-x)+square(s.y-y))/square(1.6*matchStep))
					sum += near * s.weight
					n += near
				}
			}
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
