package work

import (
	"context"
	"time"

	"livedub/inference"
	"livedub/media/pace"
)

// Pacing is what a session does where a part of it is slower than the source.
// A file waits for its work. A live source goes on: work that is late is left out.
type Pacing interface {
	// Limit returns how long a call of an engine may take of the time that is left; 0: as long as it wants.
	Limit(left time.Duration) time.Duration
	// Late tells whether a frame that was due then comes too late to be shown.
	Late(due time.Duration) bool
	// Window is how long a frame waits for those after it, on which its faces rest.
	Window() time.Duration
	// Due returns the wall's time of output time o; zero where there is none.
	Due(o time.Duration) time.Time
	// Drops tells whether a full queue drops its oldest item; else its writer waits.
	Drops() bool
}

// PacingOf returns what fits a clock.
func PacingOf(c pace.Clock) Pacing {
	if c.Live() {
		return goesOn{c}
	}
	return waits{}
}

// waits is the pacing of a clock that follows the work.
type waits struct{}

func (waits) Limit(time.Duration) time.Duration { return 0 }
func (waits) Late(time.Duration) bool           { return false }
func (waits) Window() time.Duration             { return inference.FaceWindow }
func (waits) Due(time.Duration) time.Time       { return time.Time{} }
func (waits) Drops() bool                       { return false }

// goesOn is the pacing of a clock that does not wait.
type goesOn struct{ clock pace.Clock }

// behind is how late a frame may be shown.
const behind = 250 * time.Millisecond

// LeastCall is what an engine's call is given in any case: less is no use to any engine.
const LeastCall = 250 * time.Millisecond

func (g goesOn) Limit(left time.Duration) time.Duration { return max(left, LeastCall) }
func (g goesOn) Late(due time.Duration) bool            { return g.clock.Now()-due > behind }

// A live frame is shown when it is due, with what is known by then.
func (g goesOn) Window() time.Duration { return 0 }

func (g goesOn) Due(o time.Duration) time.Time { return time.Now().Add(o - g.clock.Now()) }
func (g goesOn) Drops() bool                   { return true }

// Admit queues x as the pacing says and returns what was dropped for it.
func Admit[T any](ctx context.Context, p Pacing, q *Queue[T], x T) (dropped []T, err error) {
	if p.Drops() {
		return q.Force(x), ctx.Err()
	}
	return nil, q.Put(ctx, x)
}
