package fake

import (
	"context"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/media"
)

// Faces sees one face, in the middle of every frame.
type Faces struct{}

func (Faces) Open(ctx context.Context) (inference.FaceStream, error) { return &faces{}, ctx.Err() }
func (Faces) Close() error                                           { return nil }

// faces see the same face for as long as the frame keeps its size.
type faces struct{ size atomic.Uint64 }

func (s *faces) Track(ctx context.Context, f *media.Frame) error {
	s.size.Store(uint64(f.Width)<<32 | uint64(f.Height))
	return ctx.Err()
}

func (s *faces) Faces(time.Duration) []inference.Face {
	size := s.size.Load()
	if size == 0 {
		return nil
	}
	w, h := float64(size>>32), float64(size&(1<<32-1))
	at := func(x, y float64) inference.Point { return inference.Point{X: x * w, Y: y * h} }
	return []inference.Face{{
		ID: 1, Confidence: 1, Center: at(.5, .5), Size: h / 2,
		LeftEye: at(.42, .4), RightEye: at(.58, .4), Nose: at(.5, .52),
		MouthLeft: at(.45, .64), MouthRight: at(.55, .64), UpperLip: at(.5, .62), LowerLip: at(.5, .67),
	}}
}

func (*faces) Close() error { return nil }

// BarWidth is the width of the bar that Lips paints, in pixels from the left edge.
const BarWidth = 16

// Lips paints a white bar at the left edge, from the bottom up, as high as the
// mouth is open, over black: tests read the mouth's timing from the frame.
type Lips struct {
	// Fail, if set, is asked before each frame; its error is returned instead.
	Fail func() error
}

func (l *Lips) Open(ctx context.Context) (inference.LipsSession, error) { return l, ctx.Err() }
func (l *Lips) Dub(ctx context.Context) (inference.LipsStream, error)   { return l, ctx.Err() }
func (l *Lips) Close() error                                            { return nil }

func (l *Lips) Learn(ctx context.Context, _ *media.Frame, _ []inference.Face) (inference.Snapshot, error) {
	return nil, ctx.Err()
}

func (l *Lips) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	if l.Fail != nil {
		if err := l.Fail(); err != nil {
			return inference.Untouched, err
		}
	}
	f := r.Frame
	top := f.Height - int(r.Mouth[0].Open*float64(f.Height)+.5)
	w := min(BarWidth, f.Width)
	for y := range f.Height {
		v := byte(16)
		if y >= top {
			v = 235
		}
		fill(f.Y[y*f.YStride:][:w], v)
	}
	for y := range (f.Height + 1) / 2 {
		fill(f.U[y*f.UVStride:][:(w+1)/2], 128)
		fill(f.V[y*f.UVStride:][:(w+1)/2], 128)
	}
	return inference.Warp, ctx.Err()
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// ReadBar returns the openness that Lips painted into a frame, 0..1.
func ReadBar(f *media.Frame) float64 {
	x := min(BarWidth, f.Width) / 2
	n := 0
	for y := range f.Height {
		if f.Y[y*f.YStride+x] > 125 {
			n++
		}
	}
	return float64(n) / float64(f.Height)
}
