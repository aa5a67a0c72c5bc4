package member

import (
	"context"
	"sync"
)

// mostOpening is how many sessions are opened at a time from what was kept. The callers
// of a node that died come all at once; each opening costs CPU that live calls want.
const mostOpening = 4

// opening has each session opened by one request at a time.
type opening struct {
	room chan struct{}

	mu   sync.Mutex
	busy map[string]chan struct{} // closed when its opening is over
}

func newOpening() *opening {
	return &opening{room: make(chan struct{}, mostOpening), busy: map[string]chan struct{}{}}
}

// enter waits until nobody else opens a session, and until there is room. leave is
// called when it is open, or will not be. It fails with ctx's error.
func (o *opening) enter(ctx context.Context, id string) (leave func(), err error) {
	over := make(chan struct{})
	for {
		o.mu.Lock()
		other, taken := o.busy[id]
		if !taken {
			o.busy[id] = over
		}
		o.mu.Unlock()
		if !taken {
			break
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	free := func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.busy, id)
		close(over)
	}
	select {
	case o.room <- struct{}{}:
		return func() { <-o.room; free() }, nil
	case <-ctx.Done():
		free()
		return nil, ctx.Err()
	}
}
