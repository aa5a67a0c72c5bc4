package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
)

// ErrNoLips is returned where mouths cannot be re-rendered.
var ErrNoLips = errors.New("the mouth cannot be re-rendered")

// LipsState tells whether a dub re-renders the mouth.
type LipsState string

const (
	LipsOn          LipsState = "on"
	LipsOff         LipsState = "off"           // by SetLips
	LipsNoConsent   LipsState = "no consent"    // none was recorded
	LipsUnavailable LipsState = "not available" // no engine
)

// lips returns the dub's state, "" for the original.
func (d *Dub) lips() LipsState {
	switch {
	case d.original:
		return ""
	case !d.speaks() || d.s.engines.Lips == nil || d.s.engines.Faces == nil:
		return LipsUnavailable
	case !d.s.cfg.Consent.Given:
		return LipsNoConsent
	case d.off.Load():
		return LipsOff
	}
	return LipsOn
}

// best is the highest step of the ladder that is allowed, and what forbids a higher one.
func (d *Dub) best() (Level, string) {
	if !d.speaks() {
		return Passthrough, ""
	}
	switch d.lips() {
	case LipsOn:
		return Lips, ""
	case LipsOff:
		return Voice, "switched off"
	case LipsNoConsent:
		return Voice, "no recorded consent"
	}
	return Voice, ""
}

// climb moves to the best step of the ladder at source time at.
func (d *Dub) climb(at time.Duration) {
	d.climbing.Lock()
	defer d.climbing.Unlock()
	level, why := d.best()
	d.ladder.set(at, level, why)
}

// SetLips switches the re-rendering of the mouth on or off in the dubs named,
// from the next picture on. It changes all of them or, with an error, none.
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
		case LipsNoConsent:
			return fmt.Errorf("%s: %w: no consent was recorded: create the session with consent", lang, ErrNoLips)
		case LipsUnavailable:
			return fmt.Errorf("%s: %w: no engine is set: set lips.engine", lang, ErrNoLips)
		case "":
			return fmt.Errorf("%s: %w: it is the original: name a dub", lang, ErrNoLips)
		}
	}
	for lang, on := range on {
		s.dub(lang).setLips(on)
	}
	return nil
}

func (d *Dub) setLips(on bool) {
	d.climbing.Lock()
	defer d.climbing.Unlock()
	d.off.Store(!on)
	// Lower steps have reasons of their own; the next phrase that works ends them.
	if at, _, _ := d.ladder.read(); at == Lips || at == Voice {
		level, why := d.best()
		d.ladder.set(max(0, d.s.clock.Now()-d.s.cfg.Delay), level, why)
	}
}

// openMouths opens what the dubs share of the speaker's mouths; without it, as
// without the speaker's consent or any dub, no face is looked for and pictures go untouched.
func (s *Session) openMouths(ctx context.Context) {
	defer close(s.opened)
	if s.engines.Lips == nil || s.engines.Faces == nil || !s.cfg.Consent.Given || len(s.cfg.To) == 0 {
		return
	}
	mouths, err := s.engines.Lips.Open(ctx)
	if err != nil {
		s.fail("lips", err)
		return
	}
	s.mouths = mouths
	if l, ok := s.engines.Lips.(inference.LipsLead); ok {
		s.lead = max(0, min(l.Lead(), s.cfg.Delay/2, lookAhead-inference.FaceWindow))
	}
}

func (d *Dub) openLips(ctx context.Context) inference.LipsStream {
	if d.s.mouths == nil || d.original {
		return nil
	}
	lips, err := d.s.mouths.Dub(ctx)
	if err != nil {
		d.s.fail("lips", err)
		return nil
	}
	return lips
}

// request asks for the mouth of a picture by what the plan was at now; false
// where the picture stays untouched.
func (d *Dub) request(now time.Duration, p picture, step time.Duration) (inference.LipsRequest, bool) {
	if len(p.faces) == 0 || d.off.Load() {
		return inference.LipsRequest{}, false
	}
	due := p.frame.PTS + d.s.cfg.Delay
	freeze := d.s.cfg.Profile.freeze()
	amount, shapes := d.timeline.Plan(now, due, step, int((freeze+step-1)/step))
	if amount == 0 {
		return inference.LipsRequest{}, false
	}
	r := inference.LipsRequest{
		Frame: p.frame, Faces: p.faces, Known: p.known, Mouth: shapes, Amount: amount, Step: step,
		Voice: func(from time.Duration, pcm []int16) { d.timeline.Voice(now, due+from, pcm) },
	}
	if d.s.clock.Live() {
		r.Due = time.Now().Add(due - d.s.clock.Now())
	}
	return r, true
}

// beginLips has the mouth of a picture begun.
func (d *Dub) beginLips(ctx context.Context, lips inference.LipsAhead, p picture, step time.Duration) {
	r, ok := d.request(p.frame.PTS+d.s.cfg.Delay-d.s.lead, p, step)
	if !ok {
		return
	}
	err := d.s.meter.do("lips", func() error {
		return guard("lips", func() error {
			lips.Begin(ctx, r)
			return nil
		})
	})
	if err != nil {
		d.s.fail("lips", err)
	}
}

// render returns the picture to show, held once by the caller: the one that
// came, or a copy with the mouth of whoever's voice is louder. Every copy whose
// mouth was changed carries the badge. Pictures between two dubbed stretches do
// not, however short the pause: they leave as they came, to the bit.
func (d *Dub) render(ctx context.Context, lips inference.LipsStream, p picture, step time.Duration) (*media.Frame, inference.LipsMethod) {
	if lips == nil {
		return p.frame.Retain(), inference.Untouched
	}
	request, ok := d.request(p.frame.PTS+d.s.cfg.Delay, p, step)
	if !ok {
		return p.frame.Retain(), inference.Untouched
	}
	frame := p.frame.Clone()
	request.Frame = frame
	var method inference.LipsMethod
	err := d.s.meter.do("lips", func() error {
		return guard("lips", func() (err error) {
			if method, err = lips.Render(ctx, request); err == nil && method != inference.Untouched {
				d.badge.Draw(frame)
			}
			return err
		})
	})
	if err != nil {
		frame.Release()
		if ctx.Err() == nil { // else the session ends: no engine failed
			d.s.fail("lips", err)
			d.ladder.set(p.frame.PTS, Voice, "the mouth failed")
		}
		return p.frame.Retain(), inference.Untouched
	}
	return frame, method
}
