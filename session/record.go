package session

import (
	"maps"
	"slices"
	"time"

	"livedub/inference"
)

// Record is what became of one phrase in one dub. Times are source time, which
// is output time less D, unless they say otherwise.
type Record struct {
	Phrase  inference.Phrase
	Text    string // translated
	Outcome Outcome
	Err     string // why it was skipped

	DubStart, DubEnd time.Duration
	Late             time.Duration
	Rate             float64
	Voice            string
	Marks            []inference.Mark // relative to DubStart
	Words            []inference.Word // relative to DubStart
	Probe            []int16          // the dub's first second, mono, ProbeRate; of files only

	HeardAt       time.Duration // session time when the phrase was known
	ReadyAt       time.Duration // session time when its speech was placed
	TranslateTook time.Duration // wall time
	SpeakTook     time.Duration // wall time
}

// Frames counts a dub's frames: In = Out + Dropped, Out = Own + Warp + Net + Untouched.
type Frames struct {
	In, Out, Own, Warp, Net, Untouched, Dropped int
}

func (f *Frames) add(m inference.LipsMethod) {
	switch m {
	case inference.Own:
		f.Own++
	case inference.Warp:
		f.Warp++
	case inference.Net:
		f.Net++
	default:
		f.Untouched++
	}
}

type counts struct {
	frames   Frames
	retries  int
	outcomes map[Outcome]int
}

// DubState is what a dub has done so far.
type DubState struct {
	Lang     inference.Lang
	Level    Level
	Why      string        // it stands at that level, where that is known
	Lips     LipsState     // "" for the original
	Steps    map[Level]int // how often each level was stepped to
	Frames   Frames
	Retries  int
	Outcomes map[Outcome]int
	Records  []Record        // in the order spoken, as many as are remembered
	Viewers  int             // recordings do not count
	Skew     []time.Duration // sound's lateness less the frame's as they left, newest last
}

// State is what a session has done so far.
type State struct {
	Heard    int // final phrases
	Ended    time.Duration
	Failures map[string]int           // by stage
	CPU      map[string]time.Duration // by stage; engines in other processes are not in it
	Consent  Consent
	Badge    bool // re-rendered frames carry it
	Dubs     []DubState
	Gone     []DubState            // of languages that were taken away: counts only
	Stages   map[string]StageState // by stage: recognizer, translator, speaker, face, lips, sink
}

// State may be called at any time.
func (s *Session) State() State {
	out := State{CPU: s.meter.read(), Ended: time.Duration(s.ended.Load()), Failures: map[string]int{}, Consent: s.cfg.Consent, Badge: s.cfg.Badge.On()}
	s.mu.Lock()
	out.Heard = s.heard
	maps.Copy(out.Failures, s.failures)
	out.Gone = slices.Clone(s.removed)
	s.mu.Unlock()
	out.Stages = map[string]StageState{s.recognizing.name: s.recognizing.read(), s.tracking.name: s.tracking.read()}
	lips := s.learns.stage.read()
	for _, d := range s.all() {
		out.Dubs = append(out.Dubs, d.state())
		for _, st := range []*stage{d.translating, d.speaking} {
			out.Stages[st.name] = out.Stages[st.name].add(st.read())
		}
		lips = lips.add(d.lipping.read())
		out.Stages["sink"] = out.Stages["sink"].add(d.fanout.receivers.state())
	}
	out.Stages["lips"] = lips
	return out
}

func (d *Dub) state() DubState {
	st := DubState{Lang: d.lang, Lips: d.lips()}
	st.Level, st.Why, st.Steps = d.ladder.read()
	d.mu.Lock()
	st.Frames, st.Retries, st.Records = d.counts.frames, d.counts.retries, slices.Clone(d.records)
	st.Outcomes = maps.Clone(d.counts.outcomes)
	d.mu.Unlock()
	st.Viewers, st.Skew = int(d.fanout.receivers.viewers()), d.fanout.skew.read()
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
