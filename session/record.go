package session

import (
	"maps"
	"slices"
	"time"

	"livedub/session/spec"
	"livedub/session/work"
)

type counts struct {
	frames   spec.Frames
	retries  int
	outcomes map[spec.Outcome]int
}

// State may be called at any time.
func (s *Session) State() spec.State {
	out := spec.State{CPU: s.meter.Read(), Ended: time.Duration(s.ended.Load()), Failures: map[string]int{}, Consent: s.cfg.Consent, Badge: s.cfg.Badge.On()}
	s.mu.Lock()
	out.Heard = s.heard
	maps.Copy(out.Failures, s.failures)
	out.Gone = slices.Clone(s.removed)
	s.mu.Unlock()
	out.Stages = map[string]work.StageState{s.recognizing.Name: s.recognizing.Read(), s.tracking.Name: s.tracking.Read()}
	lips := s.learns.Stage.Read()
	for _, d := range s.all() {
		out.Dubs = append(out.Dubs, d.state())
		for _, st := range []*work.Stage{d.translating, d.speaking} {
			out.Stages[st.Name] = out.Stages[st.Name].Add(st.Read())
		}
		lips = lips.Add(d.lipping.Read())
		out.Stages["sink"] = out.Stages["sink"].Add(d.fanout.State())
	}
	out.Stages["lips"] = lips
	return out
}

func (d *Dub) state() spec.DubState {
	st := spec.DubState{Lang: d.lang, Lips: d.lips()}
	st.Level, st.Why, st.Steps = d.ladder.read()
	d.mu.Lock()
	st.Frames, st.Retries, st.Records = d.counts.frames, d.counts.retries, slices.Clone(d.records)
	st.Outcomes = maps.Clone(d.counts.outcomes)
	d.mu.Unlock()
	st.Viewers, st.Skew = d.fanout.Viewers(), d.fanout.Offsets()
	return st
}

// last returns the ID of the last final phrase, 0 before the first.
func (s *Session) last() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastID
}

func (s *Session) count(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard++
	s.lastID = id
}
