// Package pace holds the clocks a session can run by: the wall's, for live
// calls, and a virtual one that goes as fast as the work allows, for files.
package pace

import (
	"context"
	"sync"
	"time"
)

// Clock is the one time a session lives by, as the time since its start.
type Clock interface {
	// Now returns the session's present.
	Now() time.Duration
	// Wait returns once Now is t or later, or with ctx's error.
	Wait(ctx context.Context, t time.Duration) error
	// Advance tells that everything up to t has been taken in. Only a clock
	// that follows the work cares.
	Advance(t time.Duration)
	// Hold begins work on something that was known at time t. A clock that
	// follows the work does not pass t until the hold is released.
	Hold(t time.Duration) Hold
	// Live tells whether time goes on without us, so that late work must be dropped.
	Live() bool
}

// Hold is one piece of work that the clock knows of.
type Hold interface {
	// Now is the present as the work must see it.
	Now() time.Duration
	Release()
}

// Wall is the real clock, counted from a moment.
type Wall struct{ start time.Time }

// NewWall returns a clock that reads zero now.
func NewWall() *Wall { return NewWallAt(0) }

// NewWallAt returns a clock that reads t now.
func NewWallAt(t time.Duration) *Wall { return &Wall{start: time.Now().Add(-t)} }

func (w *Wall) Now() time.Duration      { return time.Since(w.start) }
func (w *Wall) Advance(time.Duration)   {}
func (w *Wall) Live() bool              { return true }
func (w *Wall) Hold(time.Duration) Hold { return wallHold{w} }

func (w *Wall) Wait(ctx context.Context, t time.Duration) error {
	d := t - w.Now()
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

type wallHold struct{ *Wall }

func (wallHold) Release() {}

// Virtual is a clock that stands at the latest moment up to which all work is
// done: it moves by Advance and never passes a Hold. Results by it do not
// depend on the machine's speed.
type Virtual struct {
	mu       sync.Mutex
	now      time.Duration
	advanced time.Duration
	holds    map[*virtualHold]struct{}
	moved    chan struct{} // closed and replaced whenever now moves
}

// NewVirtual returns a clock that reads zero.
func NewVirtual() *Virtual {
	return &Virtual{holds: map[*virtualHold]struct{}{}, moved: make(chan struct{})}
}

func (v *Virtual) Live() bool { return false }

func (v *Virtual) Now() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *Virtual) Wait(ctx context.Context, t time.Duration) error {
	for {
		v.mu.Lock()
		now, moved := v.now, v.moved
		v.mu.Unlock()
		if now >= t {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

func (v *Virtual) Advance(t time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.advanced = max(v.advanced, t)
	v.settle()
}

func (v *Virtual) Hold(t time.Duration) Hold {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := &virtualHold{v, t}
	v.holds[h] = struct{}{}
	return h
}

// settle moves now as far as holds allow; the caller has the lock.
func (v *Virtual) settle() {
	t := v.advanced
	for h := range v.holds {
		t = min(t, h.at)
	}
	if t > v.now {
		v.now = t
		close(v.moved)
		v.moved = make(chan struct{})
	}
}

type virtualHold struct {
	clock *Virtual
	at    time.Duration
}

func (h *virtualHold) Now() time.Duration { return h.at }

func (h *virtualHold) Release() {
	h.clock.mu.Lock()
	defer h.clock.mu.Unlock()
	delete(h.clock.holds, h)
	h.clock.settle()
}
