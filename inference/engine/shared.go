package engine

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Device is what several nets run on, one after another: of those that want to, the
// one goes first whose requests have the earliest deadline. A run is not
// interrupted. The zero Device is ready; it is safe for concurrent use.
type Device struct {
	mu      sync.Mutex
	busy    bool
	waiting []*turn // earliest first
}

// turn is a net that waits for its Device.
type turn struct {
	due   time.Time
	ready chan struct{} // closed when it is its turn
}

// take waits until the device is the caller's; leave gives it back. It fails with
// ctx's error. A nil Device is always free.
func (d *Device) take(ctx context.Context, due time.Time) (leave func(), err error) {
	if d == nil {
		return func() {}, nil
	}
	d.mu.Lock()
	if !d.busy {
		d.busy = true
		d.mu.Unlock()
		return d.next, nil
	}
	t := &turn{due, make(chan struct{})}
	i := len(d.waiting)
	for i > 0 && d.waiting[i-1].due.After(due) { // equals stay in the order of arrival
		i--
	}
	d.waiting = slices.Insert(d.waiting, i, t)
	d.mu.Unlock()
	select {
	case <-t.ready:
		return d.next, nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	i = slices.Index(d.waiting, t)
	if i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
	d.mu.Unlock()
	if i < 0 { // its turn came meanwhile
		d.next()
	}
	return nil, ctx.Err()
}

// next gives the device to who waits first.
func (d *Device) next() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy = len(d.waiting) > 0; d.busy {
		close(d.waiting[0].ready)
		d.waiting = slices.Delete(d.waiting, 0, 1)
	}
}
