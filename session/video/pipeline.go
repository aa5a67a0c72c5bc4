package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
	"livedub/session/work"
)

// pipeline sees one source.
type pipeline struct {
	*Input
	src     media.Source
	delayed *work.Queue[media.Packet]
	track   *media.Track                 // told with the first frame
	faces   atomic.Pointer[faceTracking] // nil where no mouth is to be made
	ahead   chan Frame                   // decoded, before they are due
}

// run shows the source's frames, when all of the source before have been shown.
func (v *pipeline) run(ctx context.Context) error {
	defer v.env.Out.Shown()
	leave, err := v.seeing.Take(ctx)
	if err != nil {
		return err
	}
	defer leave()
	g := work.NewGroup(ctx)
	g.Run("decode", v.decode)
	g.Run("show", v.deliver)
	err = g.Wait()
	if t := v.faces.Load(); t != nil {
		t.close()
	}
	return err
}

// decode decodes frames LookAhead before they are due.
func (v *pipeline) decode(ctx context.Context) error {
	defer close(v.ahead)
	if _, err := v.delayed.First(ctx); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return err
	}
	if v.track = media.FindTrack(v.src.Tracks(), media.Video); v.track == nil {
		return errors.New("frame: the source tells of none")
	}
	dec, err := codec.NewVideoDecoderOn(*v.track, v.env.Config.Decoder())
	if err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	defer dec.Close()
	next := newSequence(v)
	defer next.close()
	degraded := false
	for {
		p, err := v.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var frames []*media.Frame
		err = v.env.Meter.Do("decode_video", func() (err error) {
			frames, err = dec.Decode(p)
			return err
		})
		if err != nil {
			v.env.Fail("decode_video", err)
		}
		if err := dec.Degraded(); err != nil && !degraded {
			degraded = true
			v.env.Fail("filter_video", err)
		}
		if err := next.add(ctx, frames); err != nil {
			return err
		}
	}
	rest, err := dec.Flush()
	if err != nil {
		v.env.Fail("decode_video", err)
	}
	if err := next.add(ctx, rest); err != nil {
		return err
	}
	return next.flush(ctx)
}

// next returns the next packet when it is to be decoded; io.EOF after the last.
func (v *pipeline) next(ctx context.Context) (media.Packet, error) {
	p, err := v.delayed.First(ctx)
	if err != nil {
		return p, err
	}
	if err := v.env.Clock.Wait(ctx, min(p.DTS, p.PTS)+v.env.Config.Delay-spec.LookAhead); err != nil {
		return p, err
	}
	v.delayed.Take()
	return p, nil
}

// tracking returns what follows the faces; nil where no mouth is to be made.
func (v *pipeline) tracking(ctx context.Context) *faceTracking {
	if t := v.faces.Load(); t != nil {
		return t
	}
	if !v.env.Mouths.Made() {
		return nil
	}
	t := newFaceTracking(ctx, v.Input)
	v.faces.Store(t)
	return t
}

// show gives each frame to every dub when it is due, or as long before as the
// mouth's engine asks for.
func (v *pipeline) deliver(ctx context.Context) error {
	defer func() {
		for f := range v.ahead { // nothing is left behind when we stop early
			f.Pixels.Release()
		}
	}()
	for f := range v.ahead {
		due := f.Pixels.PTS + v.env.Config.Delay
		err := v.env.Clock.Wait(ctx, due-v.env.Mouths.Lead())
		if err == nil {
			v.env.Mouths.learn(ctx, v.faces.Load(), &f)
			v.env.Out.Offer(ctx, f, v.env.Pacing.Late(due))
		}
		f.Pixels.Release()
		if err != nil {
			return err
		}
	}
	return nil
}
