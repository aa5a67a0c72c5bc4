package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/work"
)

// lips returns the dub's state, "" for the original.
func (d *Dub) lips() spec.LipsState {
	switch {
	case d.original:
		return ""
	case !d.speaks() || d.s.engines.Lips == nil || d.s.engines.Faces == nil:
		return spec.LipsUnavailable
	case !d.s.cfg.Consent.Given:
		return spec.LipsNoConsent
	case d.off.Load():
		return spec.LipsOff
	}
	return spec.LipsOn
}

// best is the highest step of the ladder that is allowed, and what forbids a higher one.
func (d *Dub) best() (spec.Level, string) {
	if !d.speaks() {
		return spec.Passthrough, ""
	}
	switch d.lips() {
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

// SetLips switches the re-rendering of the mouth on or off in the dubs named,
// from the next frame on. It changes all of them or, with an error, none.
func (s *Session) SetLips(on map[inference.Lang]bool) error {
	for lang, on := range on {
		d := s.dub(lang)
		if d == nil {
			return fmt.Errorf("session: no dub in %q: there are %v", lang, s.Languages())
		}
		if !on {
			continue
		}
		switch d.lips() {
		case spec.LipsNoConsent:
			return fmt.Errorf("%s: %w: no consent was recorded: create the session with consent", lang, spec.ErrNoLips)
		case spec.LipsUnavailable:
			return fmt.Errorf("%s: %w: no engine makes mouths here", lang, spec.ErrNoLips)
		case "":
			return fmt.Errorf("%s: %w: it is the original: name a dub", lang, spec.ErrNoLips)
		}
	}
	for lang, on := range on {
		s.dub(lang).setLips(on)
	}
	return nil
}

func (d *Dub) setLips(on bool) {
	d.off.Store(!on)
	d.restep(max(0, d.s.clock.Now()-d.s.cfg.Delay))
}

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
	case d.s.clock.Now() < time.Duration(d.facesTo.Load()):
		return "face tracking is too slow"
	case d.s.learnsDown.Load() || d.lipsDown.Load():
		return "the mouth's engine is too slow, or failed"
	}
	return ""
}

// facesSlow takes note that a frame of source time at went without faces.
func (d *Dub) facesSlow(at time.Duration) {
	d.facesTo.Store(int64(d.s.clock.Now() + faceRest))
	d.restep(at)
}

// lipsSlow takes note that the dub's mouths fell behind, or keep up again.
func (d *Dub) lipsSlow(down bool) {
	d.lipsDown.Store(down)
	d.restep(max(0, d.s.clock.Now()-d.s.cfg.Delay))
}

// learnsSlow is lipsSlow for what all dubs share.
func (s *Session) learnsSlow(down bool) {
	s.learnsDown.Store(down)
	for _, d := range s.all() {
		d.restep(max(0, s.clock.Now()-s.cfg.Delay))
	}
}

// openMouths opens what the dubs share of the speaker's mouths; without it, as
// without the speaker's consent or any dub, no face is looked for and frames go untouched.
func (s *Session) openLips(ctx context.Context) {
	dubs := slices.ContainsFunc(s.all(), func(d *Dub) bool { return !d.original })
	if s.engines.Lips == nil || s.engines.Faces == nil || !s.cfg.Consent.Given || !dubs || s.makesMouths() {
		return
	}
	mouths, err := work.Call(ctx, s.newStage("lips"), work.Within(s.pace.Limit(openLimit)), func(ctx context.Context) (inference.LipsSession, error) {
		mouths, err := s.engines.Lips.Open(ctx)
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			return nil, errors.Join(ctx.Err(), mouths.Close())
		}
		return mouths, err
	})
	if err != nil {
		s.fail("lips", err)
		return
	}
	if l, ok := s.engines.Lips.(inference.LipsLead); ok {
		s.ahead.Store(int64(max(0, min(l.Lead(), s.cfg.Delay/2, spec.LookAhead-inference.FaceWindow))))
	}
	s.lips.Store(&mouths)
}

// openLimit is how long an engine may take to open.
const openLimit = 10 * time.Second

// makesMouths tells whether mouths are made in this session.
func (s *Session) makesMouths() bool { return s.lips.Load() != nil }

// lead is how long before it is due a frame's mouth is begun.
func (s *Session) lead() time.Duration { return time.Duration(s.ahead.Load()) }

func (d *Dub) openLips(ctx context.Context) inference.LipsStream {
	mouths := d.s.lips.Load()
	if mouths == nil || d.original {
		return nil
	}
	lips, err := work.Call(ctx, d.lipping, work.Within(d.s.pace.Limit(work.MostForFrame)), func(ctx context.Context) (inference.LipsStream, error) {
		lips, err := (*mouths).Dub(ctx)
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			return nil, errors.Join(ctx.Err(), lips.Close())
		}
		return lips, err
	})
	if err != nil {
		d.s.fail("lips", err)
		return nil
	}
	return lips
}

// request asks for the mouth of a frame by what the plan was at now; false
// where the frame stays untouched.
func (d *Dub) request(now time.Duration, p videoFrame, step time.Duration) (inference.LipsRequest, bool) {
	if len(p.faces) == 0 || d.off.Load() {
		return inference.LipsRequest{}, false
	}
	due := p.frame.PTS + d.s.cfg.Delay
	freeze := d.s.cfg.Profile.Freeze()
	amount, shapes := d.timeline.Plan(now, due, step, int((freeze+step-1)/step))
	if amount == 0 {
		return inference.LipsRequest{}, false
	}
	r := inference.LipsRequest{
		Frame: p.frame, Faces: p.faces, Snapshot: p.snapshot, Mouth: shapes, Amount: amount, Step: step,
		Voice: func(from time.Duration, pcm []int16) { d.timeline.Voice(now, due+from, pcm) },
		Due:   d.s.pace.Due(due),
	}
	return r, true
}

// beginLips has the mouth of a frame begun.
func (d *Dub) beginLips(ctx context.Context, begins *work.Solo, lips inference.LipsAhead, p videoFrame, step time.Duration) {
	known := p.frame.PTS + d.s.cfg.Delay - d.s.lead()
	r, ok := d.request(known, p, step)
	if !ok {
		return
	}
	_, _, err := work.Do(ctx, begins, p.frame, known, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.s.meter.Do("lips", func() error {
			lips.Begin(ctx, r)
			return nil
		})
	}, func(struct{}) {})
	if err != nil && ctx.Err() == nil {
		d.s.fail("lips", err)
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
func (d *Dub) render(ctx context.Context, renders *work.Solo, lips inference.LipsStream, p videoFrame, step time.Duration) (*media.Frame, inference.LipsMethod) {
	due := p.frame.PTS + d.s.cfg.Delay
	if lips == nil {
		return p.frame.Retain(), inference.Untouched
	}
	request, ok := d.request(due, p, step)
	if !ok {
		return p.frame.Retain(), inference.Untouched
	}
	got, how, err := work.Do(ctx, renders, p.frame, due, func(ctx context.Context) (out mouthed, err error) {
		out.frame = p.frame.Clone()
		request.Frame = out.frame
		whole := false
		defer func() {
			if !whole { // it failed, or panics
				out.frame.Release()
			}
		}()
		err = d.s.meter.Do("lips", func() (err error) {
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
		d.s.fail("lips", err)
		d.ladder.set(p.frame.PTS, spec.Voice, "the mouth failed")
	}
	return p.frame.Retain(), inference.Untouched
}
