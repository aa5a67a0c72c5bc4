package codec

/*
#include "shape.h"
*/
import "C"

import (
	"fmt"
	"math"
	"sync"

	"livedub/media"
)

// Shaper brings any decoded frame to what we encode: upright, square pixels,
// within bounds, even sides of at least 16 pixels.
type Shaper struct {
	turn       int     // clockwise degrees
	mirror     bool    // left and right are exchanged before that
	told       float64 // aspect of one pixel, by the track
	aspect     float64 // of the frame that is being shaped
	maxW, maxH int

	mu  sync.Mutex
	s   *C.ldc_shaper
	box size // of every frame once fixed
}

// NewShaper returns a shaper for t's Mirrored, Rotation and PixelAspect. Frames larger
// than maxW by maxH (portraits: maxH by maxW) are scaled down, none is scaled up.
func NewShaper(t media.Track, maxW, maxH int) *Shaper {
	s := &Shaper{
		turn: ((t.Rotation/90*90)%360 + 360) % 360, mirror: t.Mirrored, told: square(t.PixelAspect), aspect: square(t.PixelAspect),
		maxW: max(minSide, min(maxW, maxSide)), maxH: max(minSide, min(maxH, maxSide)),
		s: C.ldc_shaper_open(),
	}
	return s
}

// square returns 1 for what is no aspect: a pixel this far from square is a broken header.
func square(aspect float64) float64 {
	if !(aspect >= 1.0/8 && aspect <= 8) {
		return 1
	}
	return aspect
}

// Fix makes every frame from now on w by h (made even), fitted in with black
// bars: for files, whose size cannot change.
func (s *Shaper) Fix(w, h int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.box = size{even(float64(w), maxSide), even(float64(h), maxSide)}
}

// Shape takes over the caller's reference of f and returns the shaped frame:
// f itself when nothing is to do, a view of it when only an odd row or column goes.
func (s *Shaper) Shape(f *media.Frame) (*media.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		f.Release()
		return nil, ErrClosed
	}
	if err := checkPlanes(f); err != nil {
		f.Release()
		return nil, err
	}
	s.aspect = s.told
	if f.PixelAspect > 0 {
		s.aspect = square(f.PixelAspect)
	}
	in := size{f.Width, f.Height}
	out, x, y, r := s.place(in)
	if s.turn == 0 && !s.mirror && x == 0 && y == 0 && out == r {
		if out == in {
			return f, nil
		}
		if s.aspect == 1 && in.w-out.w >= 0 && in.w-out.w <= 1 && in.h-out.h >= 0 && in.h-out.h <= 1 {
			return crop(f, out), nil
		}
	}
	defer f.Release()
	var o *C.AVFrame
	mirror := C.int(0)
	if s.mirror {
		mirror = 1
	}
	if err := C.ldc_shape(s.s, bytesOf(f.Y), bytesOf(f.U), bytesOf(f.V), C.int(f.YStride), C.int(f.UVStride),
		C.int(f.Width), C.int(f.Height), C.int(s.turn), mirror, C.int(out.w), C.int(out.h),
		C.ldc_rect{x: C.int(x), y: C.int(y), w: C.int(r.w), h: C.int(r.h)}, &o); err < 0 {
		return nil, avError(fmt.Sprintf("shape a frame of %dx%d", f.Width, f.Height), err)
	}
	shaped := wrap(o, f.PTS)
	shaped.Duration, shaped.Color = f.Duration, f.Color
	return shaped, nil
}

// place returns the size of the output and where in it a frame of size in goes.
func (s *Shaper) place(in size) (out size, x, y int, r size) {
	w, h := upright(in, s.turn, s.aspect)
	if s.box != (size{}) {
		x, y, r = fitBox(w, h, s.box)
		return s.box, x, y, r
	}
	if s.aspect == 1 {
		// An odd last row or column is dropped rather than blended away.
		w, h = w-math.Mod(w, 2), h-math.Mod(h, 2)
	}
	out = fitInside(max(w, minSide), max(h, minSide), s.maxW, s.maxH)
	return out, 0, 0, out
}

// crop returns the top left of f, by f's own memory.
func crop(f *media.Frame, to size) *media.Frame {
	p := f.Planes
	p.Width, p.Height = to.w, to.h
	c := media.WrapFrame(p, f.Release)
	c.PTS, c.Duration = f.PTS, f.Duration
	return c
}

// Close frees the shaper; frames it made stay valid until released.
func (s *Shaper) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	C.ldc_shaper_close(s.s)
	s.s = nil
}
