package testspeaker

import (
	"math"

	"livedub/media"
)

// cell is the grid on which the portrait's displacement is worked out exactly;
// in between it is interpolated.
const cell = 8

// source returns which place of the portrait is seen at q when the head stands
// as in p with the jaw dropped by jaw: the movement fades out towards the
// shoulders and the background, so that the whole portrait bends as one sheet.
func (p *pose) source(q pt, jaw float64) (at pt, still bool) {
	weight := (1 - smooth(1.7, 2.9, q.y)) * (1 - smooth(1.6, 2.05, math.Abs(q.x))) * (1 - smooth(2.1, 2.6, -q.y))
	if weight == 0 {
		return q, true
	}
	// Back through the roll about the neck, then the turn of an egg.
	const neck = 2.0
	sin, cos := math.Sincos(-p.roll)
	x, y := q.x-p.dx, q.y-p.dy-neck
	x, y = x*cos-y*sin, x*sin+y*cos+neck
	depth := math.Max(0, 1-x*x/(1.35*1.35)-y*y/(2.1*2.1))
	depth += .45 * math.Exp(-x*x/.05-(y-.6)*(y-.6)/.07)
	x -= p.yaw * depth
	y -= p.pitch * depth
	// The jaw takes the lower lip and the chin along, and draws out the cheeks.
	aside := math.Abs(x)
	low, cheek := smooth(mouthY-.01, mouthY+.33, y), smooth(.45, 1.75, y)
	y -= jaw * (low + (cheek-low)*smooth(.4, .85, aside)) * (1 - smooth(1.95, 2.6, y)) * (1 - smooth(.9, 1.35, aside))
	y += p.brow * .07 * math.Exp(-(y+.42)*(y+.42)/.05) * (1 - smooth(.9, 1.2, math.Abs(x)))
	return pt{q.x + weight*(x-q.x), q.y + weight*(y-q.y)}, false
}

// node is a place on a sheet, in 1/65536 pixels.
type node struct {
	x, y  int32
	still bool // where it is at rest
}

// warp draws s, as bent, over a rectangle of f. The rectangle begins at (x0,y0),
// both even, and is cols by rows cells large, less what lies outside f, which
// shows the portrait at rest; nodes has a row of cols+1 for each of the rows+1 grid lines.
func (s *sheet) warp(f *media.Frame, x0, y0, cols, rows int, nodes []node) {
	for r := range rows {
		for c := range cols {
			i := r*(cols+1) + c
			a, b, c2, d := nodes[i], nodes[i+1], nodes[i+cols+1], nodes[i+cols+2]
			if a.still && b.still && c2.still && d.still {
				continue // f already shows the portrait at rest
			}
			s.warpCell(f, x0+c*cell, y0+r*cell, a, b, c2, d)
		}
	}
}

func (s *sheet) warpCell(f *media.Frame, x0, y0 int, a, b, c, d node) {
	w, h := min(cell, f.Width-x0), min(cell, f.Height-y0)
	for y := range h {
		k := int32(y)
		lx, ly := a.x+(c.x-a.x)/cell*k, a.y+(c.y-a.y)/cell*k
		rx, ry := b.x+(d.x-b.x)/cell*k, b.y+(d.y-b.y)/cell*k
		dx, dy := (rx-lx)/cell, (ry-ly)/cell
		bend(f.Y[(y0+y)*f.YStride+x0:][:w], s.y, s.w, lx, ly, dx, dy)
		if y&1 == 1 {
			continue
		}
		// A chroma sample stands in the middle of four luma samples.
		sx, sy := lx+dx/2+(c.x-a.x)/(2*cell), ly+dy/2+(c.y-a.y)/(2*cell)
		at := (y0+y)/2*f.UVStride + x0/2
		bend(f.U[at:][:(w+1)/2], s.u, s.w, sx, sy, 2*dx, 2*dy)
		bend(f.V[at:][:(w+1)/2], s.v, s.w, sx, sy, 2*dx, 2*dy)
	}
}

// bend fills out from a plane, from place (x,y) on in steps of (dx,dy), between
// its pixels. Places are kept inside by whoever makes nodes.
func bend(out, plane []byte, stride int, x, y, dx, dy int32) {
	for k := range out {
		i := int(y>>16)*stride + int(x>>16)
		fx, fy := int32(uint32(x)>>8&255), int32(uint32(y)>>8&255)
		near := plane[i : i+stride+2] // one check of bounds for all four
		p, q, r, t := int32(near[0]), int32(near[1]), int32(near[stride]), int32(near[stride+1])
		top, low := p<<8+(q-p)*fx, r<<8+(t-r)*fx
		out[k] = byte((top<<8 + (low-top)*fy + 1<<15) >> 16)
		x += dx
		y += dy
	}
}
