package dub

import (
	"maps"
	"sync"
	"time"

	"livedub/session/spec"
)

// ladder is where one dub stands, and how often it came there.
type ladder struct {
	changed func(at time.Duration, l spec.Level, why string)

	mu    sync.Mutex
	level spec.Level
	why   string // it stands there, where that is not the top
	steps map[spec.Level]int
}

func newLadder(start spec.Level, why string, changed func(time.Duration, spec.Level, string)) *ladder {
	return &ladder{changed: changed, level: start, why: why, steps: map[spec.Level]int{}}
}

// set moves to l at source time at, for the reason given.
func (l *ladder) set(at time.Duration, to spec.Level, why string) {
	l.mu.Lock()
	l.why = why
	if l.level == to {
		l.mu.Unlock()
		return
	}
	l.level = to
	l.steps[to]++
	l.mu.Unlock()
	l.changed(at, to, why)
}

// read returns the present level, the reason, and how often each was stepped to.
func (l *ladder) read() (spec.Level, string, map[spec.Level]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level, l.why, maps.Clone(l.steps)
}
