package session

import (
	"context"
	"time"

	"livedub/inference"
	"livedub/media/pace"
)

// pacing is what a session does where a part of it is slower than the source.
// A file waits for its work. A live source goes on: work that is late is left out.
type pacing interface {
	// limit returns how long a call of an engine may take of the time that is left; 0: as long as it wants.
	limit(left time.Duration) time.Duration
	// late tells whether a frame that was due then comes too late to be shown.
	late(due time.Duration) bool
	// window is how long a frame waits for those after it, on which its faces rest.
	window() time.Duration
	// due returns the wall's time of output time o; zero where there is none.
	due(o time.Duration) time.Time
	// drops tells whether a full queue drops its oldest item; else its writer waits.
	drops() bool
}

// pacingOf returns what fits a clock.
func pacingOf(c pace.Clock) pacing {
	if c.Live() {
		return goesOn{c}
	}
	return waits{}
}

// waits is the pacing of a clock that follows the work.
type waits struct{}

func (waits) limit(time.Duration) time.Duration { return 0 }
func (waits) late(time.Duration) bool           { return false }
func (waits) window() time.Duration             { return inference.FaceWindow }
func (waits) due(time.Duration) time.Time       { return time.Time{} }
func (waits) drops() bool                       { return false }

// goesOn is the pacing of a clock that does not wait.
type goesOn struct{ clock pace.Clock }

// behind is how late a frame may be shown.
const behind = 250 * time.Millisecond

// leastCall is what an engine's call is given in any case: less is no use to any engine.
const leastCall = 250 * time.Millisecond

func (g goesOn) limit(left time.Duration) time.Duration { return max(left, leastCall) }
func (g goesOn) late(due time.Duration) bool            { return g.clock.Now()-due > behind }

// A live frame is shown when it is due, with what is known by then.
func (g goesOn) window() time.Duration { return 0 }

func (g goesOn) due(o time.Duration) time.Time { return time.Now().Add(o - g.clock.Now()) }
func (g goesOn) drops() bool                   { return true }

// admit queues x as the pacing says and returns what was dropped for it.
func admit[T any](ctx context.Context, p pacing, q *queue[T], x T) (dropped []T, err error) {
	if p.drops() {
		return q.force(x), ctx.Err()
	}
	return nil, q.put(ctx, x)
}
