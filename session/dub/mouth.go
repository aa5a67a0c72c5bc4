package dub

import (
	"context"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/video"
	"livedub/session/work"
)

// Lips tells whether the dub re-renders the mouth; "" for the original.
func (d *Dub) Lips() spec.LipsState {
	switch {
	case d.Original:
		return ""
	case !d.Speaks() || d.env.Engines.Lips == nil || d.env.Engines.Faces == nil:
		return spec.LipsUnavailable
	case !d.env.Config.Consent.Given:
		return spec.LipsNoConsent
	case d.off.Load():
		return spec.LipsOff
	}
	return spec.LipsOn
}

// best is the highest step of the ladder that is allowed, and what forbids a higher one.
func (d *Dub) best() (spec.Level, string) {
	switch is := d.Controls(); {
	case !d.Speaks():
		return spec.Passthrough, ""
	case is.Paused:
		return spec.Passthrough, paused
	case is.Muted:
		return spec.Captions, "muted"
	}
	switch d.Lips() {
	case spec.LipsOn:
		if why := d.unwell(); why != "" {
			return spec.Voice, why
		}
		return spec.Lips, ""
	case spec.LipsOff:
		return spec.Voice, "switched off"
	case spec.LipsNoConsent:
		return spec.Voice, "no recorded consent"
	}
	return spec.Voice, ""
}

// climb moves to the best step of the ladder at source time at.
func (d *Dub) climb(at time.Duration) {
	d.climbing.Lock()
	defer d.climbing.Unlock()
	level, why := d.best()
	d.ladder.set(at, level, why)
}

// SetLips switches the re-rendering of the mouth on or off, from the next frame on.
func (d *Dub) SetLips(on bool) {
	d.off.Store(!on)
	d.Restep()
}

// Restep is restep now.
func (d *Dub) Restep() { d.restep(max(0, d.env.Clock.Now()-d.env.Config.Delay)) }

// restep moves between the two highest steps of the ladder as the mouth can or
// cannot be made. Lower steps have reasons of their own; the next phrase that works ends them.
func (d *Dub) restep(at time.Duration) {
	d.climbing.Lock()
	defer d.climbing.Unlock()
	if now, _, _ := d.ladder.read(); now == spec.Lips || now == spec.Voice {
		level, why := d.best()
		d.ladder.set(at, level, why)
	}
}

// faceRest is how long the mouth counts as not made after face tracking fell behind.
const faceRest = time.Second

// unwell tells why mouths are not made for now; "" where they are.
func (d *Dub) unwell() string {
	switch {
	case d.env.Clock.Now() < time.Duration(d.facesTo.Load()):
		return "face tracking is too slow"
	case d.env.Mouths.Down() || d.lipsDown.Load():
		return "the mouth's engine is too slow, or failed"
	}
	return ""
}

// FacesSlow takes note that a frame of source time at went without faces.
func (d *Dub) FacesSlow(at time.Duration) {
	d.facesTo.Store(int64(d.env.Clock.Now() + faceRest))
	d.restep(at)
}

// lipsSlow takes note that the dub's mouths fell behind, or keep up again.
func (d *Dub) lipsSlow(down bool) {
	d.lipsDown.Store(down)
	d.Restep()
}

// request asks for the mouth of a frame by what the plan was at now; false
// where the frame stays untouched.
func (d *Dub) request(now time.Duration, p video.Frame, step time.Duration) (inference.LipsRequest, bool) {
	if len(p.Faces) == 0 || d.off.Load() || d.Controls().Muted {
		return inference.LipsRequest{}, false
	}
	due := p.Pixels.PTS + d.env.Config.Delay
	freeze := d.env.Config.Profile.Freeze()
	whose := whoseOf(p.Snapshot)
	parts := d.timeline.Plan(now, due, step, int((freeze+step-1)/step), whose)
	if len(parts) == 0 {
		return inference.LipsRequest{}, false
	}
	first := parts[0]
	r := inference.LipsRequest{
		Frame: p.Pixels, Faces: p.Faces, Snapshot: p.Snapshot, Mouth: first.Shapes, Amount: first.Amount, Person: first.Person, Step: step,
		Voice: func(from time.Duration, pcm []int16) { d.timeline.Voice(now, due+from, pcm, first.Person, whose) },
		Due:   d.env.Pacing.Due(due),
	}
	for _, o := range parts[1:] {
		r.Also = append(r.Also, inference.LipsPart{Person: o.Person, Mouth: o.Shapes, Amount: o.Amount})
	}
	return r, true
}

// whoseOf returns what tells who said a phrase, as far as it is known at a frame; nil where nobody does.
func whoseOf(s inference.Snapshot) func(inference.Phrase) inference.Person {
	w, ok := s.(inference.LipsWhose)
	if !ok {
		return nil
	}
	return func(p inference.Phrase) inference.Person {
		return w.Whose(inference.Said{Start: p.Start, End: p.End, Pitch: p.Pitch.Median})
	}
}

// beginLips has the mouth of a frame begun.
func (d *Dub) beginLips(ctx context.Context, begins *work.Solo, lips inference.LipsAhead, p video.Frame, step time.Duration) {
	known := p.Pixels.PTS + d.env.Config.Delay - d.env.Mouths.Lead()
	r, ok := d.request(known, p, step)
	if !ok {
		return
	}
	_, _, err := work.Do(ctx, begins, p.Pixels, known, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.env.Meter.Do("lips", func() error {
			lips.Begin(ctx, r)
			return nil
		})
	}, func(struct{}) {})
	if err != nil && ctx.Err() == nil {
		d.env.Fail("lips", err)
	}
}

// mouthed is a frame whose mouth was re-rendered.
type mouthed struct {
	frame  *media.Frame
	method inference.LipsMethod
}

// render returns the frame to show, held once by the caller: the one that
// came, or a copy with the mouth of whoever's voice is louder. Every copy whose
// mouth was changed carries the badge. Frames between two dubbed stretches do
// not, however short the pause: they leave as they came, to the bit.
func (d *Dub) render(ctx context.Context, renders *work.Solo, lips inference.LipsStream, p video.Frame, step time.Duration) (*media.Frame, inference.LipsMethod) {
	due := p.Pixels.PTS + d.env.Config.Delay
	if lips == nil {
		return p.Pixels.Retain(), inference.Untouched
	}
	request, ok := d.request(due, p, step)
	if !ok {
		return p.Pixels.Retain(), inference.Untouched
	}
	got, how, err := work.Do(ctx, renders, p.Pixels, due, func(ctx context.Context) (out mouthed, err error) {
		out.frame = p.Pixels.Clone()
		request.Frame = out.frame
		whole := false
		defer func() {
			if !whole { // it failed, or panics
				out.frame.Release()
			}
		}()
		err = d.env.Meter.Do("lips", func() (err error) {
			out.method, err = lips.Render(ctx, request)
			switch {
			case err != nil:
			case out.method > inference.Net:
				err = fmt.Errorf("the engine tells of a method %d that there is not", out.method)
			case out.method != inference.Untouched:
				d.badge.Draw(out.frame)
			}
			return err
		})
		whole = err == nil
		return out, err
	}, func(m mouthed) { m.frame.Release() })
	if err == nil && how == work.InTime {
		return got.frame, got.method
	}
	if err != nil && ctx.Err() == nil { // else the session ends: no engine failed
		d.env.Fail("lips", err)
		d.ladder.set(p.Pixels.PTS, spec.Voice, "the mouth failed")
	}
	return p.Pixels.Retain(), inference.Untouched
}
