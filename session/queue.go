package session

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"livedub/media"
)

// queue is a bounded FIFO between two goroutines. Its writer chooses what
// happens when it is full: put waits, force drops the oldest. One goroutine reads.
type queue[T any] struct {
	full func(items []T) bool // of what would be queued; asked under the lock
	much func(items []T) bool // what force then goes on to drop; full, but for those who drop more at once

	mu     sync.Mutex
	items  []T
	ended  bool
	change chan struct{} // closed and replaced at every change
}

func newQueue[T any](full func([]T) bool) *queue[T] {
	return &queue[T]{full: full, much: full, change: make(chan struct{})}
}

// atMost is a bound by number.
func atMost[T any](n int) func([]T) bool {
	return func(items []T) bool { return len(items) > n }
}

// put appends x, waiting while it would be too much.
func (q *queue[T]) put(ctx context.Context, x T) error {
	for {
		q.mu.Lock()
		items := append(q.items, x)
		if len(items) == 1 || !q.full(items) {
			q.items = items
			q.changed()
			q.mu.Unlock()
			return ctx.Err()
		}
		wait := q.change
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait:
		}
	}
}

// force appends x and returns what had to be dropped to make room, the oldest
// first. Once the queue has ended that is x itself.
func (q *queue[T]) force(x T) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return []T{x}
	}
	q.items = append(q.items, x)
	if len(q.items) > 1 && q.full(q.items) {
		for len(q.items) > 1 && q.much(q.items) {
			dropped = append(dropped, q.items[0])
			q.items = q.items[1:]
		}
	}
	q.changed()
	return dropped
}

// end tells that nothing more comes.
func (q *queue[T]) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed()
}

// first waits for the oldest item and returns it without taking it; io.EOF at the end.
func (q *queue[T]) first(ctx context.Context) (x T, err error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			x = q.items[0]
			q.mu.Unlock()
			return x, ctx.Err()
		}
		ended, wait := q.ended, q.change
		q.mu.Unlock()
		if ended {
			return x, io.EOF
		}
		select {
		case <-ctx.Done():
			return x, ctx.Err()
		case <-wait:
		}
	}
}

// next waits for the oldest item and takes it; io.EOF at the end.
func (q *queue[T]) next(ctx context.Context) (T, error) {
	for {
		x, err := q.first(ctx)
		if err != nil {
			return x, err
		}
		q.mu.Lock()
		if len(q.items) > 0 { // the writer may have dropped it meanwhile
			x = q.items[0]
			q.drop()
			q.mu.Unlock()
			return x, nil
		}
		q.mu.Unlock()
	}
}

// take removes what first returned; nothing may have been forced in between.
func (q *queue[T]) take() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop()
}

func (q *queue[T]) drop() {
	var none T
	q.items[0] = none
	q.items = q.items[1:]
	q.changed()
}

// peek returns the oldest item, if there is one, and a channel that is closed at the next change.
func (q *queue[T]) peek() (x T, ok bool, change <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 {
		x, ok = q.items[0], true
	}
	return x, ok, q.change
}

// rest ends the queue and takes all that is in it.
func (q *queue[T]) rest() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.items
	q.items, q.ended = nil, true
	q.changed()
	return rest
}

func (q *queue[T]) changed() {
	close(q.change)
	q.change = make(chan struct{})
}

// maxHeld is how many bytes of compressed frames a session holds at most.
const maxHeld = 64 << 20

// newLine returns the delay buffer: compressed frames, held until they are
// wanted, bounded by time and bytes.
func newDelayBuffer(span time.Duration) *queue[media.Packet] {
	return newQueue(func(q []media.Packet) bool {
		bytes := 0
		for _, p := range q {
			bytes += len(p.Data)
		}
		return len(q) > 2 && (bytes > maxHeld || q[len(q)-2].DTS-q[0].DTS > span)
	})
}

// remove drops the items that fn names and returns how many.
func (q *queue[T]) remove(fn func(T) bool) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.items)
	q.items = slices.DeleteFunc(q.items, fn)
	q.changed()
	return n - len(q.items)
}
