// Package opening reads how far apart lips are from light and shade alone: from
// where edges lie around a mouth and which way they run. Colours do not count, nor
// how bright the picture is, so that skin, beard and light matter little. What
// edges mean was learned once from talking faces; docs/decisions has how.
package opening

import "math"

const (
	side = 44      // samples of a patch, each way
	step = 1. / 40 // between samples, in distances between the eyes
	down = 2       // by how many samples the patch's middle lies below the line through the corners

	cell  = 4 // samples between the cells' middles
	cells = side / cell
	turns = 8 // directions of edges

	coarse = side / 3 // of the patch, small
	shade  = .03      // what its brightness counts against edges
	calm   = 4        // contrast, of 255, below which brightness says little

	// Dim is the number of features of a mouth.
	Dim = turns*cells*cells + coarse*coarse
)

// Plane is the luma of a picture, or of a piece of one: rows of Stride bytes.
type Plane struct {
	Pix    []byte
	Stride int
	W, H   int
}

// Place says where a mouth is in a plane, in pixels.
type Place struct {
	X, Y   float64 // middle between the corners
	Ax, Ay float64 // along the line through the corners: one distance between the eyes
}

// Patch is the brightness around a mouth, upright and of one size.
type Patch [side * side]float32

// Features are what Height looks at; they need no light and no unit.
type Features [Dim]float32

// Sample reads the patch at a place. What lies outside the plane repeats its edge.
func (p Plane) Sample(at Place) *Patch {
	out := new(Patch)
	size := math.Hypot(at.Ax, at.Ay) * step // pixels between samples
	// Large faces are averaged over the area of a sample, so that noise and sharpness count less.
	k := min(max(1, int(math.Ceil(size/1.5))), 6)
	for r := range side {
		for c := range side {
			var sum float32
			for j := range k {
				for i := range k {
					x := (float64(c) - (side-1)/2. + (float64(i)+.5)/float64(k) - .5) * step
					y := (float64(r) - (side-1)/2. + down + (float64(j)+.5)/float64(k) - .5) * step
					sum += p.at(at.X+at.Ax*x-at.Ay*y, at.Y+at.Ay*x+at.Ax*y)
				}
			}
			out[r*side+c] = sum / float32(k*k)
		}
	}
	return out
}

// at reads between pixels.
func (p Plane) at(x, y float64) float32 {
	x, y = min(max(x, 0), float64(p.W-1)), min(max(y, 0), float64(p.H-1))
	ix, iy := min(int(x), max(p.W-2, 0)), min(int(y), max(p.H-2, 0))
	u, v := float32(x-float64(ix)), float32(y-float64(iy))
	right, below := min(1, p.W-1), 0
	if p.H > 1 {
		below = p.Stride
	}
	o := iy*p.Stride + ix
	a := float32(p.Pix[o]) + (float32(p.Pix[o+right])-float32(p.Pix[o]))*u
	b := float32(p.Pix[o+below]) + (float32(p.Pix[o+below+right])-float32(p.Pix[o+below]))*u
	return a + (b-a)*v
}

// directions are those of edges.
var directions = func() (d [turns][2]float32) {
	for i := range d {
		a := 2 * math.Pi * float64(i) / turns
		d[i] = [2]float32{float32(math.Cos(a)), float32(math.Sin(a))}
	}
	return d
}()

// part is how much of what lies at a sample counts for a cell.
type part struct {
	cell  int
	share float32
}

// around are the two cells that each sample counts for, along one axis.
var around = func() (out [side][2]part) {
	for i := range out {
		at := (float32(i)-cell/2+.5)/cell + 1
		first := int(at) // one more than the cell's number
		for k := range 2 {
			if c := first + k - 1; c >= 0 && c < cells {
				out[i][k] = part{c, 1 - abs(at-float32(first+k))}
			}
		}
	}
	return out
}()

// Features returns what is seen in a patch.
func (p *Patch) Features() *Features {
	f := new(Features)
	p.edges((*[turns * cells * cells]float32)(f[:]))
	p.shades(f[turns*cells*cells:])
	return f
}

// edges fills in how strong the edges of each direction are around each cell, as
// roots of shares of all of them.
func (p *Patch) edges(out *[turns * cells * cells]float32) {
	soft := p.Soften()
	for r := 1; r < side-1; r++ {
		for c := 1; c < side-1; c++ {
			i := r*side + c
			gx, gy := (soft[i+1]-soft[i-1])/2, (soft[i+side]-soft[i-side])/2
			n := float32(math.Sqrt(float64(gx*gx + gy*gy)))
			if n < 1e-3 {
				continue
			}
			var strong [turns]float32
			for t, d := range directions {
				along := max(gx*d[0]+gy*d[1], 0)
				strong[t] = along * along / n
			}
			// Each counts for the four cells around it, by how near they are.
			for _, y := range &around[r] {
				for _, x := range &around[c] {
					w := y.share * x.share
					at := (*[turns]float32)(out[(y.cell*cells+x.cell)*turns:])
					for t, v := range &strong {
						at[t] += w * v
					}
				}
			}
		}
	}
	var sum float64
	for _, v := range out {
		sum += float64(v) * float64(v)
	}
	scale := 1 / (math.Sqrt(sum) + 1)
	for i, v := range out {
		out[i] = float32(math.Sqrt(float64(v) * scale))
	}
}

// Soften takes the finest grain off.
func (p *Patch) Soften() *Patch {
	across, out := *p, new(Patch)
	for r := range side {
		for c := 1; c < side-1; c++ {
			i := r*side + c
			across[i] = (p[i-1] + 2*p[i] + p[i+1]) / 4
		}
	}
	*out = across
	for i := side; i < len(out)-side; i++ {
		out[i] = (across[i-side] + 2*across[i] + across[i+side]) / 4
	}
	return out
}

// shades fills in the patch, small and freed from the light.
func (p *Patch) shades(out []float32) {
	var sum, square float64
	for r := range coarse {
		for c := range coarse {
			var v float32
			for j := range 3 {
				for i := range 3 {
					v += p[(3*r+j)*side+3*c+i]
				}
			}
			v /= 9
			out[r*coarse+c] = v
			sum += float64(v)
			square += float64(v) * float64(v)
		}
	}
	mean := sum / (coarse * coarse)
	scale := shade / (math.Sqrt(max(square/(coarse*coarse)-mean*mean, 0)) + calm)
	for i, v := range out {
		out[i] = float32((float64(v) - mean) * scale)
	}
}

func abs(x float32) float32 { return max(x, -x) }

// Mirror turns the patch's left and right round.
func (p *Patch) Mirror() {
	for r := range side {
		row := p[r*side : (r+1)*side]
		for i := range side / 2 {
			row[i], row[side-1-i] = row[side-1-i], row[i]
		}
	}
}
