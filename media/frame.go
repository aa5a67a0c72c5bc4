package media

import (
	"sync"
	"sync/atomic"
	"time"
)

// Planes is a frame's memory in planar 4:2:0 (I420), 8 bits, limited range.
type Planes struct {
	Width, Height int    // pixels; chroma planes are (Width+1)/2 by (Height+1)/2
	Y, U, V       []byte // rows of YStride, UVStride, UVStride bytes
	YStride       int
	UVStride      int
	Color         Color
}

// Frame is one decoded frame.
//
// Ownership: a Frame is made with one reference. Retain adds one for each
// further holder, Release gives one back; after the last Release the memory is
// used again and no field may be touched. A frame that came out of a decoder
// may still serve it as a reference frame: change pixels only in a Clone.
type Frame struct {
	Planes
	PTS time.Duration

	Duration    time.Duration // how long it is shown; 0 where only the next one tells
	PixelAspect float64       // where it is no longer the Track's; 0: as the Track tells

	refs atomic.Int32
	free func()
}

var (
	liveFrames atomic.Int64
	framePools sync.Map // frameSize -> *sync.Pool of []byte
)

type frameSize struct{ w, h int }

// LiveFrames returns how many frames exist that were not fully released: it shows that none leaks.
func LiveFrames() int64 { return liveFrames.Load() }

// NewFrame returns a writable frame of w by h pixels with undefined contents.
// The caller holds its only reference.
func NewFrame(w, h int) *Frame {
	cw, ch := (w+1)/2, (h+1)/2
	ys, cs := w*h, cw*ch
	p, _ := framePools.LoadOrStore(frameSize{w, h}, &sync.Pool{New: func() any {
		b := make([]byte, ys+2*cs)
		return &b
	}})
	pool := p.(*sync.Pool)
	buf := pool.Get().(*[]byte)
	b := *buf
	return WrapFrame(Planes{
		Width: w, Height: h, YStride: w, UVStride: cw,
		Y: b[:ys:ys], U: b[ys : ys+cs : ys+cs], V: b[ys+cs:],
	}, func() { pool.Put(buf) })
}

// WrapFrame makes a counted frame, held once, of planes that live elsewhere (a
// decoder's own memory). free is called once, at the last Release; it may be nil.
func WrapFrame(p Planes, free func()) *Frame {
	f := &Frame{Planes: p, free: free}
	f.refs.Store(1)
	liveFrames.Add(1)
	return f
}

// Retain adds a reference and returns f.
func (f *Frame) Retain() *Frame {
	f.refs.Add(1)
	return f
}

// Release gives one reference back. It is safe on nil.
func (f *Frame) Release() {
	if f == nil {
		return
	}
	if n := f.refs.Add(-1); n > 0 {
		return
	} else if n < 0 {
		panic("media: Frame released more often than held")
	}
	liveFrames.Add(-1)
	if f.free != nil {
		f.free()
	}
}

// Clone returns a writable copy with the same time, held once by the caller.
func (f *Frame) Clone() *Frame {
	c := NewFrame(f.Width, f.Height)
	c.PTS, c.Duration, c.PixelAspect, c.Color = f.PTS, f.Duration, f.PixelAspect, f.Color
	copyPlane(c.Y, c.YStride, f.Y, f.YStride, f.Width, f.Height)
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	copyPlane(c.U, c.UVStride, f.U, f.UVStride, cw, ch)
	copyPlane(c.V, c.UVStride, f.V, f.UVStride, cw, ch)
	return c
}

func copyPlane(dst []byte, ds int, src []byte, ss, w, h int) {
	if ds == ss && ds == w {
		copy(dst[:w*h], src[:w*h])
		return
	}
	for y := range h {
		copy(dst[y*ds:y*ds+w], src[y*ss:y*ss+w])
	}
}
