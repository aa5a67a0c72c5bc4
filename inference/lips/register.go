package lips

import "math"

// The base of the nose is the part of the skull nearest to the mouth that
// speaking does not move: two frames of a mouth are laid on each other by it.
const (
	gridStep = .03 // distance between samples
	gridW    = 41
	gridH    = 23
	gridX    = -.6  // of the first sample, from the tip of the nose
	gridY    = -.22 // likewise
	margin   = 4    // samples at the border that a shift may bring in
)

// grid is the brightness around the base of a nose, freed from the light: mean
// 0 and variance 1.
type grid [gridW * gridH]float32

func readGrid(pic frame, p pose) *grid {
	g := new(grid)
	var sum, square float64
	for y := range gridH {
		for x := range gridW {
			px, py := p.out(gridX+float64(x)*gridStep, gridY+float64(y)*gridStep)
			v := pic.luma(px, py)
			g[y*gridW+x] = v
			sum += float64(v)
			square += float64(v) * float64(v)
		}
	}
	mean := sum / float64(len(g))
	scale := 1 / math.Sqrt(max(square/float64(len(g))-mean*mean, 4))
	for i := range g {
		g[i] = float32((float64(g[i]) - mean) * scale)
	}
	return g
}

// at reads between samples.
func (g *grid) at(x, y float64) float64 {
	ix, iy := clamp(int(math.Floor(x)), 0, gridW-2), clamp(int(math.Floor(y)), 0, gridH-2)
	u, v := float32(x-float64(ix)), float32(y-float64(iy))
	o := iy*gridW + ix
	return float64(mix(mix(g[o], g[o+1], u), mix(g[o+gridW], g[o+gridW+1], u), v))
}

// unlike tells how different two grids look as they lie, 0 to about 2: heads
// turned differently differ, the same head does little.
func (g *grid) unlike(o *grid) float64 {
	var sum float32
	for i := range g {
		d := g[i] - o[i]
		sum += d * d
	}
	return float64(sum) / float64(len(g))
}

// register returns the shift, in face coordinates, that leads from a place in
// a to the same place in b, and how unlike the two remain: 0 for equal, about
// 1 for strangers. (B. D. Lucas, T. Kanade, 1981, by Gauss and Newton.)
func register(a, b *grid) (dx, dy, residual float64) {
	var hxx, hxy, hyy float64
	const w, h = gridW - 2*margin, gridH - 2*margin
	var gx, gy [w * h]float64
	for y := range h {
		for x := range w {
			o := (y+margin)*gridW + x + margin
			ix, iy := float64(a[o+1]-a[o-1])/2, float64(a[o+gridW]-a[o-gridW])/2
			gx[y*w+x], gy[y*w+x] = ix, iy
			hxx += ix * ix
			hxy += ix * iy
			hyy += iy * iy
		}
	}
	det := hxx*hyy - hxy*hxy
	if det < 1e-3 {
		return 0, 0, 1
	}
	for range 6 {
		var bx, by float64
		residual = 0
		for y := range h {
			for x := range w {
				e := b.at(float64(x+margin)+dx, float64(y+margin)+dy) - float64(a[(y+margin)*gridW+x+margin])
				bx += gx[y*w+x] * e
				by += gy[y*w+x] * e
				residual += e * e
			}
		}
		residual /= w * h
		sx, sy := (hyy*bx-hxy*by)/det, (hxx*by-hxy*bx)/det
		dx, dy = dx-sx, dy-sy
		if dx*dx+dy*dy > margin*margin { // lost: better not moved
			return 0, 0, 1
		}
		if sx*sx+sy*sy < 1e-4 {
			break
		}
	}
	return dx * gridStep, dy * gridStep, residual
}
