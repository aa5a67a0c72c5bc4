package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
	"livedub/session/work"
)

// frame is one decoded frame with the faces in it, shared by all dubs.
type videoFrame struct {
	frame    *media.Frame
	faces    []inference.Face
	snapshot inference.Snapshot // of the mouths in it
	fps      float64            // nominal, of the source; 0 for unknown
}

// eyes see the source: they decode each frame once, shortly before it is due,
// find its faces, and show it to every dub when it is due.
type videoPipeline struct {
	s       *Session
	src     media.Source
	delayed *work.Queue[media.Packet]
	track   *media.Track                 // told with the first frame
	faces   atomic.Pointer[faceTracking] // nil where no mouth is to be made
	learns  *work.Solo
	ahead   chan videoFrame
}

func newVideoPipeline(s *Session, src media.Source, l *work.Queue[media.Packet]) *videoPipeline {
	return &videoPipeline{s: s, src: src, delayed: l, ahead: make(chan videoFrame, 30), learns: s.learns}
}

// run shows the source's frames, when all of the source before have been shown.
func (v *videoPipeline) run(ctx context.Context) error {
	defer v.s.delivery.shown(v.s)
	leave, err := turn(ctx, v.s.seeing)
	if err != nil {
		return err
	}
	defer leave()
	g := work.NewGroup(ctx)
	g.Run("see", v.see)
	g.Run("show", v.show)
	err = g.Wait()
	if t := v.faces.Load(); t != nil {
		t.close()
	}
	return err
}

// open waits for the first frame; io.EOF where none comes.
func (v *videoPipeline) open(ctx context.Context) error {
	if _, err := v.delayed.First(ctx); err != nil {
		return err
	}
	if v.track = media.FindTrack(v.src.Tracks(), media.Video); v.track == nil {
		return errors.New("frame: the source tells of none")
	}
	return nil
}

// see decodes frames LookAhead before they are due.
func (v *videoPipeline) see(ctx context.Context) error {
	defer close(v.ahead)
	switch err := v.open(ctx); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	dec, err := codec.NewVideoDecoderOn(*v.track, v.s.cfg.Decoder())
	if err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	defer dec.Close()
	shaper := codec.NewShaper(*v.track, v.s.cfg.Video.MaxWidth, v.s.cfg.Video.MaxHeight)
	defer shaper.Close()
	last := time.Duration(-1 << 62)
	degraded := false
	var waiting []videoFrame // whose faces may still change
	defer func() {
		for _, p := range waiting {
			p.frame.Release()
		}
	}()
	pass := func(frames []*media.Frame, end bool) error {
		for i, f := range frames {
			if f.PTS <= last || f.PTS < 0 { // a repeated time cannot be shown twice
				f.Release()
				continue
			}
			last = f.PTS
			p, err := v.prepare(ctx, shaper, f)
			if err != nil {
				v.s.fail("shape", err)
				continue
			}
			waiting = append(waiting, p)
			if err := v.pass(ctx, &waiting, last-v.window()); err != nil {
				release(frames[i+1:])
				return err
			}
		}
		if end {
			return v.pass(ctx, &waiting, last)
		}
		return nil
	}
	for {
		p, err := v.delayed.First(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := v.s.clock.Wait(ctx, min(p.DTS, p.PTS)+v.s.cfg.Delay-spec.LookAhead); err != nil {
			return err
		}
		v.delayed.Take()
		var frames []*media.Frame
		err = v.s.meter.Do("decode_video", func() (err error) {
			frames, err = dec.Decode(p)
			return err
		})
		if err != nil {
			v.s.fail("decode_video", err)
		}
		if err := dec.Degraded(); err != nil && !degraded {
			degraded = true
			v.s.fail("filter_video", err)
		}
		if err := pass(frames, false); err != nil {
			return err
		}
	}
	rest, err := dec.Flush()
	if err != nil {
		v.s.fail("decode_video", err)
	}
	return pass(rest, true)
}

// window is how long a frame waits for those after it, on which its faces rest.
func (v *videoPipeline) window() time.Duration {
	if v.faces.Load() == nil {
		return 0
	}
	return v.s.pace.Window()
}

// pass hands on the waiting frames up to time t.
func (v *videoPipeline) pass(ctx context.Context, waiting *[]videoFrame, t time.Duration) error {
	for len(*waiting) > 0 && (*waiting)[0].frame.PTS <= t {
		select {
		case v.ahead <- (*waiting)[0]:
			*waiting = (*waiting)[1:]
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// prepare shapes a decoded frame and looks for faces. It takes over f.
func (v *videoPipeline) prepare(ctx context.Context, s *codec.Shaper, f *media.Frame) (videoFrame, error) {
	err := v.s.meter.Do("shape", func() (err error) {
		f, err = s.Shape(f)
		return err
	})
	if err != nil {
		return videoFrame{}, err
	}
	v.s.delivery.shape(func() { s.Fix(f.Width, f.Height) })
	if t := v.tracking(ctx); t != nil {
		t.look(ctx, f)
	}
	return videoFrame{frame: f, fps: v.track.FrameRate}, nil
}

// tracking returns what follows the faces; nil where no mouth is to be made.
func (v *videoPipeline) tracking(ctx context.Context) *faceTracking {
	if t := v.faces.Load(); t != nil {
		return t
	}
	if !v.s.makesMouths() {
		return nil
	}
	t := newFaceTracking(ctx, v.s)
	v.faces.Store(t)
	return t
}

// show gives each frame to every dub when it is due, or as long before as the
// mouth's engine asks for.
func (v *videoPipeline) show(ctx context.Context) error {
	defer func() {
		for p := range v.ahead { // nothing is left behind when we stop early
			p.frame.Release()
		}
	}()
	for p := range v.ahead {
		due := p.frame.PTS + v.s.cfg.Delay
		err := v.s.clock.Wait(ctx, due-v.s.lead())
		if err == nil {
			v.recognize(ctx, &p)
			late := v.s.pace.Late(due)
			for _, d := range v.s.all() {
				d.offer(ctx, p, late)
			}
		}
		p.frame.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// learned is what is known of one frame's mouths.
type learned struct {
	faces    []inference.Face
	snapshot inference.Snapshot
}

// recognize tells whose faces are in a frame, and learns from their mouths.
func (v *videoPipeline) recognize(ctx context.Context, p *videoFrame) {
	t, mouths := v.faces.Load(), v.s.lips.Load()
	if t == nil || mouths == nil {
		return
	}
	f := p.frame
	got, how, err := work.Do(ctx, v.learns, f, f.PTS+v.s.cfg.Delay-v.s.lead(), func(ctx context.Context) (out learned, err error) {
		err = v.s.meter.Do("learn", func() (err error) {
			if out.faces, err = t.faces(f); err == nil {
				out.snapshot, err = (*mouths).Learn(ctx, f, out.faces)
			}
			return err
		})
		return out, err
	}, func(learned) {})
	switch {
	case err != nil && ctx.Err() == nil:
		v.s.fail("learn", err) // the frame goes untouched
	case how == work.InTime:
		p.faces, p.snapshot = got.faces, got.snapshot
	}
}

func release(frames []*media.Frame) {
	for _, f := range frames {
		f.Release()
	}
}
