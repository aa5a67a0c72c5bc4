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
)

// picture is one decoded picture with the faces in it, shared by all dubs.
type picture struct {
	frame *media.Frame
	faces []inference.Face
	known inference.Known // of the mouths in it
	fps   float64         // nominal, of the source; 0 for unknown
}

// eyes see the source: they decode each picture once, shortly before it is due,
// find its faces, and show it to every dub when it is due.
type eyes struct {
	s      *Session
	src    media.Source
	line   *queue[media.Packet]
	track  *media.Track                 // told with the first picture
	faces  atomic.Pointer[faceTracking] // nil where no mouth is to be made
	learns *solo
	ahead  chan picture
}

func newEyes(s *Session, src media.Source, l *queue[media.Packet]) *eyes {
	return &eyes{s: s, src: src, line: l, ahead: make(chan picture, 30), learns: s.learns}
}

// run shows the source's pictures, when all of the source before have been shown.
func (e *eyes) run(ctx context.Context) error {
	defer e.s.delivery.shown(e.s)
	leave, err := turn(ctx, e.s.seeing)
	if err != nil {
		return err
	}
	defer leave()
	g := newGroup(ctx)
	g.run("see", e.see)
	g.run("show", e.show)
	err = g.wait()
	if t := e.faces.Load(); t != nil {
		t.close()
	}
	return err
}

// open waits for the first picture; io.EOF where none comes.
func (e *eyes) open(ctx context.Context) error {
	if _, err := e.line.first(ctx); err != nil {
		return err
	}
	if e.track = track(e.src.Tracks(), media.Video); e.track == nil {
		return errors.New("picture: the source tells of none")
	}
	return nil
}

// see decodes pictures lookAhead before they are due.
func (e *eyes) see(ctx context.Context) error {
	defer close(e.ahead)
	switch err := e.open(ctx); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	dec, err := codec.NewVideoDecoderOn(*e.track, e.s.cfg.decoder())
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	defer dec.Close()
	shaper := codec.NewShaper(*e.track, e.s.cfg.Picture.MaxWidth, e.s.cfg.Picture.MaxHeight)
	defer shaper.Close()
	last := time.Duration(-1 << 62)
	degraded := false
	var waiting []picture // whose faces may still change
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
			p, err := e.prepare(ctx, shaper, f)
			if err != nil {
				e.s.fail("picture", err)
				continue
			}
			waiting = append(waiting, p)
			if err := e.pass(ctx, &waiting, last-e.window()); err != nil {
				release(frames[i+1:])
				return err
			}
		}
		if end {
			return e.pass(ctx, &waiting, last)
		}
		return nil
	}
	for {
		p, err := e.line.first(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := e.s.clock.Wait(ctx, min(p.DTS, p.PTS)+e.s.cfg.Delay-lookAhead); err != nil {
			return err
		}
		e.line.take()
		var frames []*media.Frame
		err = e.s.meter.do("decode_video", func() (err error) {
			frames, err = dec.Decode(p)
			return err
		})
		if err != nil {
			e.s.fail("decode_video", err)
		}
		if err := dec.Degraded(); err != nil && !degraded {
			degraded = true
			e.s.fail("filter_video", err)
		}
		if err := pass(frames, false); err != nil {
			return err
		}
	}
	rest, err := dec.Flush()
	if err != nil {
		e.s.fail("decode_video", err)
	}
	return pass(rest, true)
}

// window is how long a picture waits for those after it, on which its faces rest.
func (e *eyes) window() time.Duration {
	if e.faces.Load() == nil {
		return 0
	}
	return e.s.pace.window()
}

// pass hands on the waiting pictures up to time t.
func (e *eyes) pass(ctx context.Context, waiting *[]picture, t time.Duration) error {
	for len(*waiting) > 0 && (*waiting)[0].frame.PTS <= t {
		select {
		case e.ahead <- (*waiting)[0]:
			*waiting = (*waiting)[1:]
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// prepare shapes a decoded picture and looks for faces. It takes over f.
func (e *eyes) prepare(ctx context.Context, s *codec.Shaper, f *media.Frame) (picture, error) {
	err := e.s.meter.do("shape", func() (err error) {
		f, err = s.Shape(f)
		return err
	})
	if err != nil {
		return picture{}, err
	}
	e.s.delivery.shape(func() { s.Fix(f.Width, f.Height) })
	if t := e.tracking(ctx); t != nil {
		t.look(ctx, f)
	}
	return picture{frame: f, fps: e.track.FrameRate}, nil
}

// tracking returns what follows the faces; nil where no mouth is to be made.
func (e *eyes) tracking(ctx context.Context) *faceTracking {
	if t := e.faces.Load(); t != nil {
		return t
	}
	if !e.s.mouthing() {
		return nil
	}
	t := newFaceTracking(ctx, e.s)
	e.faces.Store(t)
	return t
}

// show gives each picture to every dub when it is due, or as long before as the
// mouth's engine asks for.
func (e *eyes) show(ctx context.Context) error {
	defer func() {
		for p := range e.ahead { // nothing is left behind when we stop early
			p.frame.Release()
		}
	}()
	for p := range e.ahead {
		due := p.frame.PTS + e.s.cfg.Delay
		err := e.s.clock.Wait(ctx, due-e.s.lead())
		if err == nil {
			e.recognize(ctx, &p)
			late := e.s.pace.late(due)
			for _, d := range e.s.all() {
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

// learned is what is known of one picture's mouths.
type learned struct {
	faces []inference.Face
	known inference.Known
}

// recognize tells whose faces are in a picture, and learns from their mouths.
func (e *eyes) recognize(ctx context.Context, p *picture) {
	t, mouths := e.faces.Load(), e.s.mouths.Load()
	if t == nil || mouths == nil {
		return
	}
	f := p.frame
	got, how, err := do(ctx, e.learns, f, f.PTS+e.s.cfg.Delay-e.s.lead(), func(ctx context.Context) (out learned, err error) {
		err = e.s.meter.do("learn", func() (err error) {
			if out.faces, err = t.faces(f); err == nil {
				out.known, err = (*mouths).Learn(ctx, f, out.faces)
			}
			return err
		})
		return out, err
	}, func(learned) {})
	switch {
	case err != nil && ctx.Err() == nil:
		e.s.fail("learn", err) // the picture goes untouched
	case how == inTime:
		p.faces, p.known = got.faces, got.known
	}
}

func release(frames []*media.Frame) {
	for _, f := range frames {
		f.Release()
	}
}
