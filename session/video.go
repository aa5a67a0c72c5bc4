package session

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	s     *Session
	src   media.Source
	line  *line
	track *media.Track         // told with the first picture, as faces
	faces inference.FaceStream // nil where no mouth is to be made
	ahead chan picture
}

func newEyes(s *Session, src media.Source, l *line) *eyes {
	return &eyes{s: s, src: src, line: l, ahead: make(chan picture, 30)}
}

// run shows the source's pictures, when all of the source before have been shown.
func (e *eyes) run(ctx context.Context) error {
	defer func() {
		if e.s.cfg.Picture.File { // the only source: no more pictures will come
			for _, d := range e.s.dubs {
				close(d.pictures)
			}
		}
	}()
	leave, err := turn(ctx, e.s.seeing)
	if err != nil {
		return err
	}
	defer leave()
	g := newGroup(ctx)
	g.run("see", e.see)
	g.run("show", e.show)
	return g.wait()
}

// open waits for the first picture and makes ready for it; io.EOF where none comes.
func (e *eyes) open(ctx context.Context) error {
	if _, err := e.line.first(ctx); err != nil {
		return err
	}
	if e.track = track(e.src.Tracks(), media.Video); e.track == nil {
		return errors.New("picture: the source tells of none")
	}
	if e.s.mouths != nil {
		faces, err := e.s.engines.Faces.Open(ctx)
		if err != nil {
			e.s.fail("face", err) // pictures go untouched
		} else {
			e.faces = faces
		}
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

// window is how long a picture waits for those after it, on which its faces
// rest. A live one is shown when it is due, with what is known by then.
func (e *eyes) window() time.Duration {
	if e.faces == nil || e.s.clock.Live() {
		return 0
	}
	return inference.FaceWindow
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
	if e.s.cfg.Picture.File {
		s.Fix(f.Width, f.Height)
	}
	p := picture{frame: f, fps: e.track.FrameRate}
	if e.faces != nil {
		err = e.s.meter.do("face", func() error {
			return guard("face", func() error { return e.faces.Track(ctx, f) })
		})
		if err != nil && ctx.Err() == nil {
			e.s.fail("face", err) // no faces: the picture goes untouched
		}
	}
	return p, nil
}

// behind is how late a picture may be shown where time goes on without us.
const behind = 250 * time.Millisecond

// show gives each picture to every dub when it is due, or as long before as the
// mouth's engine asks for.
func (e *eyes) show(ctx context.Context) error {
	defer func() {
		for p := range e.ahead { // nothing is left behind when we stop early
			p.frame.Release()
		}
		if e.faces != nil {
			e.faces.Close() // see has ended
		}
	}()
	for p := range e.ahead {
		due := p.frame.PTS + e.s.cfg.Delay
		err := e.s.clock.Wait(ctx, due-e.s.lead)
		if err == nil {
			e.recognise(ctx, &p)
			late := e.s.late(due)
			for _, d := range e.s.dubs {
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

// late tells whether a picture that was due then comes too late to be shown.
func (s *Session) late(due time.Duration) bool {
	return s.clock.Live() && s.clock.Now()-due > behind
}

// recognise tells whose faces are in a picture, and learns from their mouths.
func (e *eyes) recognise(ctx context.Context, p *picture) {
	if e.faces == nil {
		return
	}
	err := e.s.meter.do("learn", func() error {
		return guard("learn", func() (err error) {
			p.faces = e.faces.Faces(p.frame.PTS)
			p.known, err = e.s.mouths.Learn(ctx, p.frame, p.faces)
			return err
		})
	})
	if err != nil {
		p.faces = nil // the picture goes untouched
		if ctx.Err() == nil {
			e.s.fail("learn", err)
		}
	}
}

func release(frames []*media.Frame) {
	for _, f := range frames {
		f.Release()
	}
}
