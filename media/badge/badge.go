// Package badge marks re-rendered frames: "AI dubbed" in white on a dark,
// translucent plate in a corner.
package badge

import "livedub/media"

// Text is what the badge says.
const Text = "AI dubbed"

// Corner says where the badge stands.
type Corner string

const (
	Off         Corner = "off" // no badge; so is ""
	BottomRight Corner = "bottom-right"
	BottomLeft  Corner = "bottom-left"
	TopRight    Corner = "top-right"
	TopLeft     Corner = "top-left"
)

// Config says where the badge stands and how large it is.
type Config struct {
	Corner Corner
	Height float64 // of the plate, in percent of the frame's height
}

// On tells whether frames get a badge.
func (c Config) On() bool { return c.Corner != Off && c.Corner != "" }

// Heights of the plate in pixels: it is never asked to be lower than readable,
// shrinks where the frame is too narrow for that, and is left out where even
// the least would not fit.
const (
	readable = 16
	least    = 10
)

// Badge draws the same badge into frame after frame. It is not safe for
// concurrent use.
type Badge struct {
	cfg  Config
	w, h int // of the frames that the plate was made for
	*plate
}

// New returns a badge that is drawn once Draw sees the first frame.
func New(c Config) *Badge { return &Badge{cfg: c} }

// Draw puts the badge into a frame, in place. Frames too small to hold a
// readable one stay as they are.
func (b *Badge) Draw(f *media.Frame) {
	if !b.cfg.On() {
		return
	}
	if f.Width != b.w || f.Height != b.h {
		b.w, b.h, b.plate = f.Width, f.Height, newPlate(f.Width, f.Height, b.cfg.Height)
	}
	if b.plate == nil {
		return
	}
	x, y := b.at()
	p := b.plate
	p.luma.blend(f.Y, f.YStride, x, y)
	p.chroma.blend(f.U, f.UVStride, x/2, y/2)
	p.chroma.blend(f.V, f.UVStride, x/2, y/2)
}

// at returns the plate's top left corner, even so that chroma and luma agree.
func (b *Badge) at() (x, y int) {
	margin := even(b.luma.h / 2)
	x, y = margin, margin
	if b.cfg.Corner == BottomRight || b.cfg.Corner == TopRight {
		x = even(b.w - b.luma.w - margin)
	}
	if b.cfg.Corner == BottomRight || b.cfg.Corner == BottomLeft {
		y = even(b.h - b.luma.h - margin)
	}
	return max(0, x), max(0, y)
}

func even(v int) int { return v &^ 1 }
