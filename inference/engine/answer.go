package engine

import (
	"errors"
	"fmt"
	"time"

	"livedub/inference"
)

// late says why a request was refused while it waited.
func (br *Batcher) late() error {
	return fmt.Errorf("engine: %s: refused while it waited: %w", br.c.Name, inference.ErrModelLate)
}

// missed says that a request was run in vain.
func (br *Batcher) missed() error {
	return fmt.Errorf("engine: %s: the batch took longer than it does: %w", br.c.Name, inference.ErrModelLate)
}

// refuse answers those that wait and will be late.
func (br *Batcher) refuse(now time.Time) {
	least := br.speeds.least(now)
	late := br.queue.late(now, least)
	br.gate.left(late...)
	kept := br.again[:0]
	for _, r := range br.again {
		if r.lateBy(now.Add(least)) {
			late = append(late, r)
		} else {
			kept = append(kept, r)
		}
	}
	br.again = kept
	br.stats.late += uint64(len(late))
	for _, r := range late {
		br.fail(r, br.late())
	}
}

// watch answers those in the net, or staged for it, whose deadline has passed, and
// all of a run that has got stuck.
func (br *Batcher) watch(now time.Time) {
	for _, b := range []*batch{br.running, br.staged} {
		if b == nil {
			continue
		}
		for _, r := range b.items {
			if !r.answered && r.lateBy(now) {
				br.stats.missed++
				br.fail(r, br.missed())
			}
		}
	}
	b := br.running
	if b == nil || now.Sub(b.started) < br.c.TimeLimit || br.State() != Ready {
		return
	}
	br.c.Log.Error("a net is stuck", "net", br.c.Name, "batch", b.bucket, "limit", br.c.TimeLimit)
	br.lose(Stuck, fmt.Errorf("engine: %s: no answer within %v: %w", br.c.Name, br.c.TimeLimit, inference.ErrModelGone))
}

// lose answers everything there is with err.
func (br *Batcher) lose(s State, err error) {
	br.gate.set(s) // from now on none comes in
	br.admit()
	waiting := br.queue.empty()
	br.gate.left(waiting...)
	waiting = append(waiting, br.again...)
	br.again = nil
	for _, b := range []*batch{br.running, br.staged} {
		if b != nil {
			waiting = append(waiting, b.items...)
		}
	}
	if br.staged != nil {
		br.free(br.staged)
		br.staged = nil
	}
	for _, r := range waiting {
		if !r.answered {
			br.stats.gone++
			br.fail(r, err)
		}
	}
}

// wrap makes sure that err wraps what callers look for.
func (br *Batcher) wrap(err, target error) error {
	if errors.Is(err, target) {
		return fmt.Errorf("engine: %s: %w", br.c.Name, err)
	}
	return fmt.Errorf("engine: %s: %w: %w", br.c.Name, target, err)
}
