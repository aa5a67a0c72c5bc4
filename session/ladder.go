package session

import (
	"maps"
	"sync"
	"time"
)

// Level is a step of the quality ladder; a call never breaks, it steps down.
type Level string

const (
	Lips        Level = "lips"        // dubbed voice, and the mouth follows it
	Voice       Level = "voice"       // dubbed voice over the untouched frame
	Captions    Level = "captions"    // the original with translated captions
	Passthrough Level = "passthrough" // the original
)

// ladder is where one dub stands, and how often it came there.
type ladder struct {
	changed func(at time.Duration, l Level, why string)

	mu    sync.Mutex
	level Level
	why   string // it stands there, where that is not the top
	steps map[Level]int
}

func newLadder(start Level, why string, changed func(time.Duration, Level, string)) *ladder {
	return &ladder{changed: changed, level: start, why: why, steps: map[Level]int{}}
}

// set moves to l at source time at, for the reason given.
func (l *ladder) set(at time.Duration, to Level, why string) {
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
func (l *ladder) read() (Level, string, map[Level]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level, l.why, maps.Clone(l.steps)
}
