package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/media/pace"
)

// StageState is how one stage of the chain keeps up.
type StageState struct {
	Lag     time.Duration // from when its oldest work was known until it is done, or until now
	Dropped int           // pieces of work left out because it was too slow
}

// Stage watches one engine, or one sink, and bounds what it can cost others:
// a call that does not return is given up on.
type Stage struct {
	Name  string
	clock pace.Clock
	told  func(stage string, lag time.Duration) // nil for nobody
	loose *Loose

	mu      sync.Mutex
	since   time.Duration // session time when the work at hand was known; <0: none
	lag     time.Duration // of the work last done
	dropped int
	strays  int // calls given up on that have not returned
}

// Begin tells that work is at hand that was known at session time at.
func (st *Stage) Begin(at time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.since = at
}

// Done tells that the work at hand is done.
func (st *Stage) Done() {
	st.mu.Lock()
	lag := max(0, st.clock.Now()-st.since)
	st.since, st.lag = -1, lag
	st.mu.Unlock()
	if st.told != nil {
		st.told(st.Name, lag)
	}
}

// Drop counts n pieces of work that were left out.
func (st *Stage) Drop(n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.dropped += n
}

func (st *Stage) Read() StageState {
	st.mu.Lock()
	defer st.mu.Unlock()
	out := StageState{Lag: st.lag, Dropped: st.dropped}
	if st.since >= 0 {
		out.Lag = max(out.Lag, st.clock.Now()-st.since)
	}
	return out
}

// Add sums two engines of one kind up.
func (a StageState) Add(b StageState) StageState {
	return StageState{max(a.Lag, b.Lag), a.Dropped + b.Dropped}
}

var (
	ErrSlow = errors.New("gave no answer in time")
	ErrDead = errors.New("has calls that never returned")
)

const (
	// Grace is how long after its context's end a call may still return.
	Grace = 100 * time.Millisecond
	// maxStrays is how many calls of one stage may be given up on at a time.
	maxStrays = 4
)

// Call has an engine do fn. Where time goes on, fn runs on a goroutine of its
// own and is given up on when the time that until returns has passed: an engine
// that heeds its context ends then, any other is left behind, and the session's
// end waits for it. until is asked again whenever wake is closed, and then
// returns the next wake; nil until: no limit. fn's context tells by when its result
// is wanted (inference.Budget).
func Call[T any](ctx context.Context, st *Stage, until func() (time.Duration, <-chan struct{}), fn func(context.Context) (T, error)) (T, error) {
	work := func(ctx context.Context) (out T, err error) {
		err = guard.Do(st.Name, func() (err error) {
			out, err = fn(ctx)
			return err
		})
		return out, err
	}
	if until == nil {
		return work(ctx)
	}
	var none T
	st.mu.Lock()
	if st.strays >= maxStrays {
		st.mu.Unlock()
		return none, fmt.Errorf("%s: %w: restart its engine", st.Name, ErrDead)
	}
	st.strays++
	st.mu.Unlock()

	type result struct {
		out T
		err error
	}
	left, wake := until()
	inner, cancel := context.WithCancel(inference.WithBudget(ctx, time.Now().Add(left)))
	answer := make(chan result, 1)
	st.loose.Run(func() {
		defer cancel()
		out, err := work(inner)
		st.mu.Lock()
		st.strays--
		st.mu.Unlock()
		answer <- result{out, err}
	})
	over := ctx.Done()
	timer := time.NewTimer(max(0, left))
	defer timer.Stop()
	slow := false
	for {
		select {
		case r := <-answer:
			if slow && r.err != nil && ctx.Err() == nil {
				r.err = fmt.Errorf("%s: %w", st.Name, ErrSlow)
			}
			return r.out, r.err
		case <-wake:
			left, wake = until()
			timer.Reset(max(0, left))
		case <-timer.C:
			if slow {
				return none, fmt.Errorf("%s: %w", st.Name, ErrSlow)
			}
			slow, wake = true, nil
			cancel()
			timer.Reset(Grace)
		case <-over: // the session ends
			over, wake = nil, nil
			if !slow {
				slow = true
				timer.Reset(Grace)
			}
		}
	}
}

// Within returns an until of call that is d from now; nil for none.
func Within(d time.Duration) func() (time.Duration, <-chan struct{}) {
	if d <= 0 {
		return nil
	}
	end := time.Now().Add(d)
	return func() (time.Duration, <-chan struct{}) { return time.Until(end), nil }
}

// Loose owns the goroutines that an engine or a sink may hold up: the session's
// end waits for them, but not for ever.
type Loose struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n falls to 0; nil while nobody waits
}

// Run runs fn on a goroutine of its own. It may be called while Wait waits, as by
// a call that is given up on: a sync.WaitGroup would not allow that.
func (l *Loose) Run(fn func()) {
	l.mu.Lock()
	l.n++
	l.mu.Unlock()
	go func() {
		defer l.done()
		fn()
	}()
}

func (l *Loose) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
	if l.n == 0 && l.none != nil {
		close(l.none)
		l.none = nil
	}
}

// wait returns once none runs.
func (l *Loose) wait() {
	for {
		l.mu.Lock()
		if l.n == 0 {
			l.mu.Unlock()
			return
		}
		if l.none == nil {
			l.none = make(chan struct{})
		}
		none := l.none
		l.mu.Unlock()
		<-none
	}
}

// Patience is how long the session's end waits for engines and sinks that do not return.
const Patience = 2 * time.Second

// Wait returns how many have not ended within patience. then is called once all have.
func (l *Loose) Wait(then func()) int {
	all := make(chan struct{})
	go func() {
		l.wait()
		then()
		close(all)
	}()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case <-all:
		return 0
	case <-timer.C:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.n
	}
}
