package engine

import (
	"errors"
	"fmt"
	"time"

	"livedub/inference"
)

// late says why a request was refused while it waited.
func (l *Loop) late() error {
	return fmt.Errorf("engine: %s: refused while it waited: %w", l.c.Name, inference.ErrModelLate)
}

// missed says that a request was run in vain.
func (l *Loop) missed() error {
	return fmt.Errorf("engine: %s: the batch took longer than it does: %w", l.c.Name, inference.ErrModelLate)
}

// refuse answers those that wait and will be late. l.mu is held.
func (l *Loop) refuse(now time.Time) {
	least := l.speeds.least(now)
	late := l.queue.late(now, least)
	kept := l.again[:0]
	for _, r := range l.again {
		if r.lateBy(now.Add(least)) {
			late = append(late, r)
		} else {
			kept = append(kept, r)
		}
	}
	l.again = kept
	l.stats.late += uint64(len(late))
	for _, r := range late {
		r.fail(l.late())
	}
}

// watch answers those in the net, or staged for it, whose deadline has passed, and
// all of a run that has got stuck.
func (l *Loop) watch(now time.Time) {
	for _, b := range []*batch{l.running, l.staged} {
		if b == nil {
			continue
		}
		for _, r := range b.items {
			if !r.answered && r.lateBy(now) {
				l.mu.Lock()
				l.stats.missed++
				l.mu.Unlock()
				r.fail(l.missed())
			}
		}
	}
	b := l.running
	if b == nil || now.Sub(b.started) < l.c.TimeLimit || l.State() != Ready {
		return
	}
	l.c.Log.Error("a net is stuck", "net", l.c.Name, "batch", b.bucket, "limit", l.c.TimeLimit)
	l.lose(Stuck, fmt.Errorf("engine: %s: no answer within %v: %w", l.c.Name, l.c.TimeLimit, inference.ErrModelGone))
}

// lose answers everything there is with err.
func (l *Loop) lose(s State, err error) {
	l.mu.Lock()
	l.state = s
	waiting := l.queue.removeIf(func(*request) bool { return true })
	l.mu.Unlock()
	waiting = append(waiting, l.again...)
	l.again = nil
	for _, b := range []*batch{l.running, l.staged} {
		if b != nil {
			waiting = append(waiting, b.items...)
		}
	}
	if l.staged != nil {
		l.free(l.staged)
		l.staged = nil
	}
	var n uint64
	for _, r := range waiting {
		if !r.answered {
			n++
			r.fail(err)
		}
	}
	l.mu.Lock()
	l.stats.gone += n
	l.mu.Unlock()
}

// wrap makes sure that err wraps what callers look for.
func (l *Loop) wrap(err, target error) error {
	if errors.Is(err, target) {
		return fmt.Errorf("engine: %s: %w", l.c.Name, err)
	}
	return fmt.Errorf("engine: %s: %w: %w", l.c.Name, target, err)
}
