package work

import (
	"log/slog"
	"maps"
	"sync"
	"time"

	"livedub/media/pace"
)

// Shared is what all parts of one session work with.
type Shared struct {
	Clock  pace.Clock
	Pacing Pacing
	Meter  *Meter
	Loose  Loose // owns the goroutines that an engine or a sink may hold up
	Log    *slog.Logger

	lag func(stage string, lag time.Duration)

	mu       sync.Mutex
	failures map[string]int
}

// NewShared returns what a session on a clock works with. lag, if set, is told
// how long each piece of a stage's work took.
func NewShared(clock pace.Clock, log *slog.Logger, lag func(stage string, lag time.Duration)) *Shared {
	return &Shared{Clock: clock, Pacing: PacingOf(clock), Meter: NewMeter(), Log: log, lag: lag, failures: map[string]int{}}
}

// Stage returns a new stage of the session.
func (s *Shared) Stage(name string) *Stage {
	return &Stage{Name: name, clock: s.Clock, told: s.lag, loose: &s.Loose, since: -1}
}

// Fail counts a failure of a stage and logs it.
func (s *Shared) Fail(stage string, err error) {
	s.mu.Lock()
	s.failures[stage]++
	n := s.failures[stage]
	s.mu.Unlock()
	if n&(n-1) == 0 { // 1, 2, 4, 8, ...: a stage that always fails does not fill the log
		s.Log.Warn("stage failed", "stage", stage, "times", n, "err", err)
	}
}

// Failures returns how often each stage failed.
func (s *Shared) Failures() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.failures)
}
