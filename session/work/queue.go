// Package work lets a session do its work without waiting for any of it: bounded
// queues, calls that are given up on, goroutines that are waited for.
package work

import (
	"context"
	"io"
	"slices"
	"sync"
)

// Queue is a bounded FIFO between two goroutines. Its writer chooses what
// happens when it is full: put waits, force drops the oldest. One goroutine reads.
type Queue[T any] struct {
	full func(items []T) bool // of what would be queued; asked under the lock
	Much func(items []T) bool // what force then goes on to drop; full, but for those who drop more at once

	mu     sync.Mutex
	items  []T
	ended  bool
	change chan struct{} // closed and replaced at every change
}

func NewQueue[T any](full func([]T) bool) *Queue[T] {
	return &Queue[T]{full: full, Much: full, change: make(chan struct{})}
}

// AtMost is a bound by number.
func AtMost[T any](n int) func([]T) bool {
	return func(items []T) bool { return len(items) > n }
}

// Put appends x, waiting while it would be too much.
func (q *Queue[T]) Put(ctx context.Context, x T) error {
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

// Force appends x and returns what had to be dropped to make room, the oldest
// first. Once the queue has ended that is x itself.
func (q *Queue[T]) Force(x T) (dropped []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return []T{x}
	}
	q.items = append(q.items, x)
	if len(q.items) > 1 && q.full(q.items) {
		for len(q.items) > 1 && q.Much(q.items) {
			dropped = append(dropped, q.items[0])
			q.items = q.items[1:]
		}
	}
	q.changed()
	return dropped
}

// End tells that nothing more comes.
func (q *Queue[T]) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed()
}

// First waits for the oldest item and returns it without taking it; io.EOF at the end.
func (q *Queue[T]) First(ctx context.Context) (x T, err error) {
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

// Next waits for the oldest item and takes it; io.EOF at the end.
func (q *Queue[T]) Next(ctx context.Context) (T, error) {
	for {
		x, err := q.First(ctx)
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

// Take removes what first returned; nothing may have been forced in between.
func (q *Queue[T]) Take() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop()
}

func (q *Queue[T]) drop() {
	var none T
	q.items[0] = none
	q.items = q.items[1:]
	q.changed()
}

// Peek returns the oldest item, if there is one, and a channel that is closed at the next change.
func (q *Queue[T]) Peek() (x T, ok bool, change <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 {
		x, ok = q.items[0], true
	}
	return x, ok, q.change
}

// Rest ends the queue and takes all that is in it.
func (q *Queue[T]) Rest() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.items
	q.items, q.ended = nil, true
	q.changed()
	return rest
}

func (q *Queue[T]) changed() {
	close(q.change)
	q.change = make(chan struct{})
}

// Remove drops the items that fn names and returns how many.
func (q *Queue[T]) Remove(fn func(T) bool) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.items)
	q.items = slices.DeleteFunc(q.items, fn)
	q.changed()
	return n - len(q.items)
}
