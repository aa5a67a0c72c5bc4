package work

import (
	"context"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media"
)

// Solo does one engine's work on frames, one at a time. Where time goes on
// it does so on a goroutine of its own, so that no frame waits for the engine
// longer than its patience: one that is late passes untouched. An engine that
// was late is only tried, its work thrown away, until it keeps up again: a mouth
// that comes and goes looks worse than none.
type Solo struct {
	Stage   *Stage
	pace    Pacing
	changed func(down bool) // the engine fell behind, or keeps up again; called by the work's goroutine, or do's

	mu   sync.Mutex
	busy bool
	down bool
	good int    // works in time in a row while down
	last func() // called once no work is under way
}

// NewSolo returns a solo of an idle engine. changed is told when the engine
// falls behind, or keeps up again: by the work's goroutine, or do's.
func NewSolo(st *Stage, p Pacing, changed func(down bool)) *Solo {
	return &Solo{Stage: st, pace: p, changed: changed}
}

const (
	// forFrame is how long a frame that is due waits for an engine.
	forFrame = 100 * time.Millisecond
	// MostForFrame is when an engine's context ends.
	MostForFrame = 500 * time.Millisecond
	// goodEnough is how many works in a row in time make an engine count again.
	goodEnough = 12
)

// Timing tells how a work of solo went.
type Timing uint8

const (
	InTime Timing = iota
	TooLate
	NotNow // the engine is being tried: its work does not count
)

// Do has fn done with f, which is known since session time at and held meanwhile.
// A result that is not inTime is given to drop, if it has no error.
func Do[T any](ctx context.Context, o *Solo, f *media.Frame, at time.Duration, fn func(context.Context) (T, error), drop func(T)) (out T, how Timing, err error) {
	work := func(ctx context.Context) (out T, err error) {
		err = guard.Do(o.Stage.Name, func() (err error) {
			out, err = fn(ctx)
			return err
		})
		return out, err
	}
	if !o.pace.Drops() {
		out, err = work(ctx)
		return out, InTime, err
	}
	if !o.enter() {
		return out, TooLate, nil
	}
	type result struct {
		out T
		err error
	}
	answer := make(chan result) // unbuffered: who does not take it leaves it to the work
	over := make(chan struct{})
	f.Retain()
	o.Stage.loose.Run(func() {
		defer f.Release()
		o.Stage.Begin(at)
		began := time.Now()
		inner, cancel := context.WithTimeout(ctx, MostForFrame)
		out, err := work(inner)
		cancel()
		o.Stage.Done()
		waited := o.leave(time.Since(began) < forFrame && err == nil)
		if waited {
			select {
			case answer <- result{out, err}:
				return
			case <-over:
			}
		}
		if err == nil {
			drop(out)
		}
	})
	if o.tried() {
		close(over)
		return out, NotNow, nil
	}
	timer := time.NewTimer(forFrame)
	defer timer.Stop()
	select {
	case r := <-answer:
		if r.err != nil && ctx.Err() == nil {
			o.fail()
		}
		return r.out, InTime, r.err
	case <-ctx.Done():
		close(over)
		return out, TooLate, ctx.Err()
	case <-timer.C:
		close(over)
		o.Stage.Drop(1)
		o.fail()
		return out, TooLate, nil
	}
}

// enter begins a work, unless one is under way.
func (o *Solo) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy {
		o.Stage.Drop(1)
		return false
	}
	o.busy = true
	return true
}

func (o *Solo) tried() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.down
}

// leave ends a work and tells whether its result counts, if it is not late.
func (o *Solo) leave(good bool) bool {
	o.mu.Lock()
	o.busy = false
	if o.last != nil {
		defer o.last()
	}
	if !o.down {
		o.mu.Unlock()
		return true
	}
	if o.good++; !good {
		o.good = 0
	}
	up := o.good >= goodEnough
	if up {
		o.down = false
	}
	o.mu.Unlock()
	if up {
		o.changed(false)
	}
	return false
}

// Close calls last once no work is under way; none may begin anymore.
func (o *Solo) Close(last func()) {
	o.mu.Lock()
	busy := o.busy
	if busy {
		o.last = last
	}
	o.mu.Unlock()
	if !busy {
		last()
	}
}

// Fail has the engine tried before its work counts again.
func (o *Solo) fail() {
	o.mu.Lock()
	fell := !o.down
	o.down, o.good = true, 0
	o.mu.Unlock()
	if fell {
		o.changed(true)
	}
}
