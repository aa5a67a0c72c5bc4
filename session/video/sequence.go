package video

import (
	"context"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// sequence shapes decoded frames, has their faces looked for, and hands them on
// in the order of time, each time once: as soon as their faces are final.
type sequence struct {
	v       *pipeline
	shaper  *codec.Shaper
	last    time.Duration // of the frames so far; <0: none
	waiting []Frame       // whose faces may still change
}

func newSequence(v *pipeline) *sequence {
	video := v.env.Config.Video
	return &sequence{v: v, shaper: codec.NewShaper(*v.track, video.MaxWidth, video.MaxHeight), last: -1}
}

// add takes frames over.
func (s *sequence) add(ctx context.Context, frames []*media.Frame) error {
	for i, f := range frames {
		if f.PTS <= s.last { // before the session, or a repeated time, which cannot be shown twice
			f.Release()
			continue
		}
		s.last = f.PTS
		if f = s.shape(f); f == nil {
			continue
		}
		if t := s.v.tracking(ctx); t != nil {
			t.look(ctx, f)
		}
		s.waiting = append(s.waiting, Frame{Pixels: f, FPS: s.v.track.FrameRate})
		if err := s.pass(ctx, s.last-s.window()); err != nil {
			release(frames[i+1:])
			return err
		}
	}
	return nil
}

// shape takes f over and returns it as it is shown; nil where that failed.
func (s *sequence) shape(f *media.Frame) *media.Frame {
	err := s.v.env.Meter.Do("shape", func() (err error) {
		f, err = s.shaper.Shape(f)
		return err
	})
	if err != nil {
		s.v.env.Fail("shape", err)
		return nil
	}
	if s.v.env.Config.Video.File { // a file's frames have one size
		s.shaper.Fix(f.Width, f.Height)
	}
	return f
}

// window is how long a frame waits for those after it, on which its faces rest.
func (s *sequence) window() time.Duration {
	if s.v.faces.Load() == nil {
		return 0
	}
	return s.v.env.Pacing.Window()
}

// pass hands on the waiting frames up to time t.
func (s *sequence) pass(ctx context.Context, t time.Duration) error {
	for len(s.waiting) > 0 && s.waiting[0].Pixels.PTS <= t {
		select {
		case s.v.ahead <- s.waiting[0]:
			s.waiting = s.waiting[1:]
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// flush hands on what waits: no more frames come.
func (s *sequence) flush(ctx context.Context) error { return s.pass(ctx, s.last) }

// close gives back what still waits.
func (s *sequence) close() {
	for _, f := range s.waiting {
		f.Pixels.Release()
	}
	s.shaper.Close()
}
