package lips

import "math"

// sample is one place at the mouth where the layer is compared with the frame.
type sample struct {
	x, y   float64
	weight float64
	diff   [3]float64 // frame minus layer, by plane
	slope  [2]float64 // of the frame's brightness, along x and y
}

const (
	matchStep = 2 * maskStep
	matchW    = (maskW + 1) / 2
	matchH    = (maskH + 1) / 2
	unlikely  = 22 // difference in brightness at which two places are not the same skin
)

// match lays the layer on the skin around the mouth, fits its colours to it, and
// takes out of the mask what is not the same skin in both: the background
// beside a jaw, hair.
func (p *paste) match() {
	ring, _ := p.compare()
	if len(ring) < 12 {
		return
	}
	p.fit(ring)
	if p.layer.fixed {
		return
	}
	p.settle(ring)
	ring, where := p.compare()
	p.fit(ring)
	p.exclude(ring, where)
}

// where tells, for every second place of the mask, 1 + the index of its sample.
type where [matchW * matchH]int

// compare reads frame and layer around the lips.
func (p *paste) compare() (ring []sample, at *where) {
	ring, at = make([]sample, 0, matchW*matchH), new(where)
	for i := range at {
		if p.mask[i/matchW*2*maskW+i%matchW*2] <= .02 {
			continue
		}
		s := sample{x: maskX + float64(i%matchW)*matchStep, y: maskY + float64(i/matchW)*matchStep, weight: 1}
		if p.lips(s.x, s.y, .08) < 1 {
			continue
		}
		ox, oy := p.sunk(s.x, s.y)
		sx, sy, _ := p.layer.warp.back(s.x, s.y)
		fx, fy := p.source(sx, sy)
		ou, ov := p.before.chroma(ox, oy)
		nu, nv := p.layer.src.chroma(fx, fy)
		l, r, u, d := p.around(ox, oy)
		s.slope = [2]float64{(r - l) / (2 * grain), (d - u) / (2 * grain)}
		s.diff = [3]float64{(l+r+u+d)/4 - soft(p.layer.src, p.layer.pose, fx, fy), float64(ou - nu), float64(ov - nv)}
		ring = append(ring, s)
		at[i] = len(ring)
	}
	return ring, at
}

// fit finds the colours' offsets; what does not follow them weighs little.
func (p *paste) fit(ring []sample) {
	for range 3 {
		for k := range p.tint {
			p.tint[k] = plain(ring, k)
		}
		for i := range ring {
			s := &ring[i]
			s.weight = 1 / (1 + square(p.strangeness(s)))
		}
	}
}

// settle moves the layer, and stretches it up and down, so that its skin lies on
// the frame's: what the nose, half a face away, could not tell. (Gauss-Newton,
// one step.) A stretch to the sides is found but not made: it would take back
// the rounding of the lips, which moves their skin too.
func (p *paste) settle(ring []sample) {
	const n = 4 // shift along x and y, stretch along x and y
	var a [n][n + 1]float64
	for _, s := range ring {
		rest := s.diff[0] - float64(p.tint[0].at(s.x, s.y))
		row := [n]float64{s.slope[0], s.slope[1], s.slope[0] * s.x, s.slope[1] * s.y}
		for i := range n {
			for j := range n {
				a[i][j] += s.weight * row[i] * row[j]
			}
			a[i][n] += s.weight * row[i] * rest
		}
	}
	for i := range n { // plain skin says nothing: rather not moved
		a[i][i] += [n]float64{100, 100, 100, 100}[i] * float64(len(ring))
	}
	v := solve(a)
	limit := func(v, most float64) float64 { return min(max(v, -most), most) }
	p.layer.dx += limit(v[0], .05)
	p.layer.dy += limit(v[1], .05)
	p.layer.sy = 1 + limit(v[3], .08)
}

// solve solves the equations whose right side is each row's last number, by Gauss; they are positive definite.
func solve(a [4][5]float64) (v [4]float64) {
	for i := range a {
		for j := i + 1; j < len(a); j++ {
			f := a[j][i] / a[i][i]
			for k := i; k < len(a[j]); k++ {
				a[j][k] -= f * a[i][k]
			}
		}
	}
	for i := len(a) - 1; i >= 0; i-- {
		v[i] = a[i][len(a)]
		for j := i + 1; j < len(a); j++ {
			v[i] -= a[i][j] * v[j]
		}
		v[i] /= a[i][i]
	}
	return v
}

// exclude takes out of the mask where skin is not the same in both: there the frame stays as it is.
func (p *paste) exclude(ring []sample, at *where) {
	for i := range p.mask {
		x, y := p.mask.place(i)
		if p.mask[i] == 0 {
			continue
		}
		inner := p.lips(x, y, .08)
		if inner < 1 {
			continue
		}
		var sum, n float64
		col, row := i%maskW/2, i/maskW/2
		for r := max(row-1, 0); r <= min(row+1, matchH-1); r++ {
			for c := max(col-1, 0); c <= min(col+1, matchW-1); c++ {
				if k := at[r*matchW+c]; k > 0 {
					s := &ring[k-1]
					near := max(0, 1-(square(s.x-x)+square(s.y-y))/square(1.6*matchStep))
					sum += near * s.weight
					n += near
				}
			}
		}
		if n > .05 {
			same := smooth((sum/n - .12) / .25)
			p.mask[i] *= float32(1 + (same-1)*smooth((inner-1)/.6))
		}
	}
}

// lips tells how far a place lies from the lips of the new mouth and of the one
// before: below 1 within margin of either, 4 twice as far from their middle.
func (p *paste) lips(x, y, margin float64) float64 {
	return min(p.newLips(x, y, margin), p.oldLips(x, y, margin))
}

func (p *paste) newLips(x, y, margin float64) float64 {
	w := &p.layer.warp
	return fromLips(x, y, w.width, w.from.top, w.from.under+max(w.more, 0), margin)
}

func (p *paste) oldLips(x, y, margin float64) float64 {
	return fromLips(x+p.mouth.x-p.old.x, y+p.mouth.y-p.old.y, p.old.width, p.old.top, p.old.under, margin)
}

func fromLips(x, y, width, top, under, margin float64) float64 {
	return square(x/(.5*width+margin)) + square((y-(top+under)/2)/((under-top)/2+margin))
}

// strangeness is how unlike a place is in both, after the colours were fitted: 1 is much.
func (p *paste) strangeness(s *sample) float64 {
	d := (s.diff[0] - float64(p.tint[0].at(s.x, s.y))) / unlikely
	u := (s.diff[1] - float64(p.tint[1].at(s.x, s.y))) / (unlikely / 2)
	v := (s.diff[2] - float64(p.tint[2].at(s.x, s.y))) / (unlikely / 2)
	return math.Sqrt(d*d + u*u + v*v)
}

// grain is how far around a place skin is compared, in distances between the eyes.
const grain = .018

// around returns the frame's brightness to the left and right of a pixel, above and below.
func (p *paste) around(x, y float64) (l, r, u, d float64) {
	c, s := grain*p.pose.c, grain*p.pose.s
	b := p.before
	return float64(b.luma(x-c, y-s)), float64(b.luma(x+c, y+s)), float64(b.luma(x+s, y-c)), float64(b.luma(x-s, y+c))
}

// soft returns the mean brightness around a pixel.
func soft(b frame, p pose, x, y float64) float64 {
	c, s := grain*p.c, grain*p.s
	return float64(b.luma(x-c, y-s)+b.luma(x+c, y+s)+b.luma(x+s, y-c)+b.luma(x-s, y+c)) / 4
}

// plain returns the plane through the samples' differences, by weighted least squares.
func plain(ring []sample, k int) tint {
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
