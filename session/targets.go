package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"livedub/inference"
	"livedub/session/dub"
	"livedub/session/record"
	"livedub/session/spec"
)

// SetTargets makes to the target languages of a live session: dubs in languages
// that are new begin with what is due now, those in languages that are not named
// end, and with them their sinks. The others do not notice. The language spoken
// is no target, but may be named alone: then no dub is left. It fails with
// ErrInvalid, ErrUnsupported or, for a session that has ended, ErrNotFound, and
// changes nothing then.
func (s *Session) SetTargets(ctx context.Context, to []inference.Lang) error {
	if len(to) == 0 {
		return fmt.Errorf("session: %w: no target language: name at least one", spec.ErrInvalid)
	}
	to = slices.DeleteFunc(slices.Clone(to), func(l inference.Lang) bool { return l == s.cfg.From })
	check := s.cfg
	check.To = to
	if err := check.Check(s.engines); err != nil {
		return fmt.Errorf("session: %w: %w", spec.ErrInvalid, err)
	}
	s.retarget.Lock()
	defer s.retarget.Unlock()
	if s.group == nil || s.group.Context().Err() != nil {
		return fmt.Errorf("session: %w: it has ended, or has not begun", spec.ErrNotFound)
	}
	var stay, leave, come []*dub.Dub
	for _, d := range s.all() {
		if d.Original || slices.Contains(to, d.Lang) {
			stay = append(stay, d)
		} else {
			leave = append(leave, d)
		}
	}
	for _, lang := range to {
		if !slices.ContainsFunc(stay, func(d *dub.Dub) bool { return d.Lang == lang }) {
			come = append(come, s.newDub(lang, false))
		}
	}
	// The dubs stand before the original, in the order asked for.
	all := append(stay, come...)
	place := func(d *dub.Dub) int {
		if d.Original {
			return len(to)
		}
		return slices.Index(to, d.Lang)
	}
	slices.SortFunc(all, func(a, b *dub.Dub) int { return place(a) - place(b) })
	s.mu.Lock()
	s.dubs = all
	s.mu.Unlock()
	for _, d := range come {
		s.redump(d) // it begins with what is due now
	}
	s.Tell(record.Record{Targets: &record.Targets{To: s.Targets()}})
	s.openLips(ctx)
	for _, d := range come {
		d.Start(s.group, s.buffer, true)
	}
	var failed error
	for _, d := range leave {
		failed = errors.Join(failed, d.Stop())
		st := d.State()
		st.Records, st.Skew = nil, nil
		s.mu.Lock()
		s.removed = append(s.removed, st)
		s.mu.Unlock()
	}
	if failed != nil {
		s.cfg.Log.Warn("a sink of a language that was taken away did not close", "err", failed)
	}
	return nil
}
