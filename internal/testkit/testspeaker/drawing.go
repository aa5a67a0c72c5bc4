package testspeaker

import (
	"errors"
	"math"
	"time"

	"livedub/inference"
	"livedub/media"
)

// Drawing is a drawn head, as from a camera that looks at a person who talks.
// What does not move by itself is painted once; a frame costs drawing the
// eyes and the mouth and bending the whole. It is used by one goroutine.
type Drawing struct {
	w, h       int
	motion     *motion
	features   features
	back       *media.Frame // the whole portrait at rest
	scale      float64      // pixels of the frame per unit
	zero       pt           // the portrait's origin in the frame
	x0, y0     int          // what is bent, in cells
	cols, rows int
	fine       float64 // pixels of the sheet per pixel of the frame
	nodes      []node
}

// NewDrawing returns a head in frames of w by h pixels (even, 64 to 4096),
// whose looks and movements depend on the seed.
func NewDrawing(w, h int, seed uint64) (*Drawing, error) {
	if w < 64 || h < 64 || w > 4096 || h > 4096 || w%2 != 0 || h%2 != 0 {
		return nil, errors.New("speaker: give an even frame size between 64 and 4096")
	}
	d := &Drawing{w: w, h: h, motion: newMotion(seed), fine: 2}
	if h > 480 {
		d.fine = 1.5
	}
	d.scale = math.Min(.165*float64(h), .21*float64(w))
	d.zero = pt{float64(w) / 2, .44 * float64(h)}
	look := lookOf(seed)

	whole := newCanvas(w, h, d.scale, d.zero)
	look.paint(whole)
	d.back = whole.sheet().frame()

	// What bends: up to 2.1 units aside, 2.6 above and 3 below the eyes.
	left, top := d.zero.x-2.1*d.scale, d.zero.y-2.6*d.scale
	d.x0, d.y0 = max(0, int(left))&^1, max(0, int(top))&^1
	d.cols = (min(w, int(d.zero.x+2.1*d.scale)) - d.x0 + cell - 1) / cell
	d.rows = (min(h, int(d.zero.y+3*d.scale)) - d.y0 + cell - 1) / cell
	const margin = 2
	sw, sh := int(float64(d.cols*cell+2*margin)*d.fine), int(float64(d.rows*cell+2*margin)*d.fine)
	zero := pt{(d.zero.x - float64(d.x0-margin)) * d.fine, (d.zero.y - float64(d.y0-margin)) * d.fine}
	part := newCanvas(sw, sh, d.scale*d.fine, zero)
	look.paint(part)
	still := part.sheet()
	d.features = features{still: still, work: still.clone(), scale: d.scale * d.fine, zero: zero, look: look, ink: look.ink()}
	d.nodes = make([]node, (d.cols+1)*(d.rows+1))
	return d, nil
}

// Draw returns the frame of a moment with the mouth as given; PTS is t. The
// caller holds its only reference.
func (d *Drawing) Draw(t time.Duration, mouth inference.MouthShape) *media.Frame {
	f := d.back.Clone()
	f.PTS = t
	p := d.motion.at(t)
	d.features.draw(p, mouth)
	jaw := jawDrop * mouth.Open
	i := 0
	for r := range d.rows + 1 {
		for c := range d.cols + 1 {
			q := pt{(float64(d.x0+c*cell) + .5 - d.zero.x) / d.scale, (float64(d.y0+r*cell) + .5 - d.zero.y) / d.scale}
			q, still := p.source(q, jaw)
			d.nodes[i] = d.node(q)
			d.nodes[i].still = still
			i++
		}
	}
	d.features.work.warp(f, d.x0, d.y0, d.cols, d.rows, d.nodes)
	return f
}

// node returns where a place of the portrait lies on the sheet, kept two pixels inside.
func (d *Drawing) node(q pt) node {
	f := &d.features
	x := math.Min(float64(f.work.w-3), math.Max(1, f.zero.x+q.x*f.scale-.5))
	y := math.Min(float64(f.work.h-3), math.Max(1, f.zero.y+q.y*f.scale-.5))
	return node{x: int32(x * 65536), y: int32(y * 65536)}
}

// Close frees what Draw keeps; the frames it made stay valid until released.
func (d *Drawing) Close() {
	d.back.Release()
	d.back = nil
}

func (s *sheet) clone() *sheet {
	return &sheet{s.w, s.h, append([]byte(nil), s.y...), append([]byte(nil), s.u...), append([]byte(nil), s.v...)}
}

// frame returns s as a frame, with chroma thinned out.
func (s *sheet) frame() *media.Frame {
	f := media.NewFrame(s.w, s.h)
	copy(f.Y, s.y)
	for y := 0; y < s.h; y += 2 {
		for x := 0; x < s.w; x += 2 {
			i, o := y*s.w+x, y/2*f.UVStride+x/2
			f.U[o] = byte((int(s.u[i]) + int(s.u[i+1]) + int(s.u[i+s.w]) + int(s.u[i+s.w+1]) + 2) / 4)
			f.V[o] = byte((int(s.v[i]) + int(s.v[i+1]) + int(s.v[i+s.w]) + int(s.v[i+s.w+1]) + 2) / 4)
		}
	}
	return f
}
