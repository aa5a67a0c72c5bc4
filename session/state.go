package session

import (
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/spec"
	"livedub/session/work"
)

// State returns what the session has done so far. It may be called at any time.
func (s *Session) State() spec.State {
	out := spec.State{
		CPU: s.shared.Meter.Read(), Ended: time.Duration(s.ended.Load()), Failures: s.shared.Failures(), Heard: s.audio.Phrases(), OwnVoice: s.audio.OwnVoice(), Dumps: s.dumps.count(),
		Consent: s.cfg.Consent, Badge: s.cfg.Badge.On(), Stages: map[string]work.StageState{},
	}
	if k, ok := s.mouths.Known(); ok {
		out.Mouths = &k
	}
	out.Kept = s.mouths.Kept()
	for _, st := range []*work.Stage{s.audio.Stage(), s.video.Stage(), s.mouths.Stage()} {
		out.Stages[st.Name] = st.Read()
	}
	s.mu.Lock()
	dubs := s.dubs
	out.Gone = slices.Clone(s.removed)
	s.mu.Unlock()
	for _, d := range dubs {
		out.Dubs = append(out.Dubs, d.State())
		d.Stages(out.Stages)
	}
	return out
}

// Targets returns the target languages as they are now.
func (s *Session) Targets() []inference.Lang {
	to := []inference.Lang{}
	for _, d := range s.all() {
		if !d.Original {
			to = append(to, d.Lang)
		}
	}
	return to
}

// Viewers returns how many watch or hear the dubs and the original.
func (s *Session) Viewers() int {
	n := 0
	for _, d := range s.all() {
		n += d.Fanout.Viewers()
	}
	return n
}
