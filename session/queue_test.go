package session

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
)

func TestQueuePutWaitsWhileFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(atMost[int](2))
		put := 0
		for i := range 2 {
			if err := q.put(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() {
			err := q.put(t.Context(), 2)
			put++
			done <- err
		}()
		synctest.Wait()
		if put != 0 {
			t.Fatal("put did not wait")
		}
		if x, err := q.next(t.Context()); x != 0 || err != nil {
			t.Errorf("took %d, %v", x, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		go func() { done <- q.put(t.Context(), 3) }()
		synctest.Wait()
		if n := q.remove(func(x int) bool { return x == 1 }); n != 1 {
			t.Errorf("%d removed", n)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := q.rest(); !slices.Equal(got, []int{2, 3}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestQueuePutGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(atMost[int](0)) // one item is there in any case
		if err := q.put(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.put(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put into a full queue: %v", err)
		}
		if got := q.rest(); !slices.Equal(got, []int{0}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestQueueForceDropsTheOldest(t *testing.T) {
	q := newQueue(atMost[int](3))
	for i := range 3 {
		if got := q.force(i); len(got) != 0 {
			t.Errorf("dropped %v with room left", got)
		}
	}
	if got := q.force(3); !slices.Equal(got, []int{0}) {
		t.Errorf("dropped %v", got)
	}
	q.much = atMost[int](1) // who drops one drops the rest of the unit
	if got := q.force(4); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("dropped %v", got)
	}
	for i := range 2 {
		if got := q.force(5 + i); len(got) != 0 {
			t.Errorf("dropped %v though only full drops", got)
		}
	}
	none := newQueue(func([]int) bool { return true })
	for i, want := range [][]int{nil, {0}, {1}} { // the newest stays in any case
		if got := none.force(i); !slices.Equal(got, want) {
			t.Errorf("dropped %v, want %v", got, want)
		}
	}
}

func TestQueueRemoveKeepsTheOrder(t *testing.T) {
	q := newQueue(atMost[int](9))
	for i := range 6 {
		q.force(i)
	}
	if n := q.remove(func(x int) bool { return x%2 == 0 }); n != 3 {
		t.Errorf("%d removed", n)
	}
	if n := q.remove(func(int) bool { return false }); n != 0 {
		t.Errorf("%d removed", n)
	}
	if got := q.rest(); !slices.Equal(got, []int{1, 3, 5}) {
		t.Errorf("left %v", got)
	}
}

func TestQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(atMost[int](9))
		q.force(1)
		q.end()
		if got := q.force(2); !slices.Equal(got, []int{2}) {
			t.Errorf("after the end %v was dropped", got)
		}
		for range 2 { // first takes nothing
			if x, err := q.first(t.Context()); x != 1 || err != nil {
				t.Errorf("first %d, %v", x, err)
			}
		}
		if x, err := q.next(t.Context()); x != 1 || err != nil {
			t.Errorf("next %d, %v", x, err)
		}
		for name, read := range map[string]func(context.Context) (int, error){"first": q.first, "next": q.next} {
			if _, err := read(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("%s of an ended queue: %v", name, err)
			}
		}

		waited := newQueue(atMost[int](9))
		done := make(chan error)
		go func() {
			_, err := waited.next(t.Context())
			done <- err
		}()
		synctest.Wait()
		if got := waited.rest(); len(got) != 0 {
			t.Errorf("rest of nothing: %v", got)
		}
		if err := <-done; !errors.Is(err, io.EOF) {
			t.Errorf("who waits at the end: %v", err)
		}
		if got := waited.force(1); !slices.Equal(got, []int{1}) {
			t.Errorf("after rest %v was dropped", got)
		}
	})
}

func TestQueueReadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(atMost[int](9))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next: %v", err)
		}
		q.force(1)
		if _, err := q.next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next of a queue with items: %v", err)
		}
		if got := q.rest(); !slices.Equal(got, []int{1}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestQueuePeek(t *testing.T) {
	q := newQueue(atMost[int](9))
	changed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	_, ok, change := q.peek()
	if ok || changed(change) {
		t.Error("an empty queue has an item, or changed")
	}
	for i, act := range []func(){
		func() { q.force(1) }, func() { _ = q.put(t.Context(), 2) }, func() { q.remove(func(x int) bool { return x == 2 }) },
	} {
		_, _, change := q.peek()
		act()
		if !changed(change) {
			t.Errorf("act %d does not tell", i)
		}
	}
	for range 2 {
		if x, ok, _ := q.peek(); !ok || x != 1 {
			t.Errorf("peeked at %d, %v", x, ok)
		}
	}
	_, _, change = q.peek()
	q.take()
	if _, ok, _ := q.peek(); ok || !changed(change) {
		t.Errorf("after take: item %v, told %v", ok, changed(change))
	}
}

// TestDelayLineIsBounded: by time, and by bytes.
func TestDelayLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		fill := func(q *queue[media.Packet], size int) (n int) {
			for ; q.put(ctx, media.Packet{DTS: time.Duration(n) * seconds(.04), Data: make([]byte, size)}) == nil; n++ {
			}
			return n
		}
		if n := fill(newDelayBuffer(seconds(2)), 100); n < 50 || n > 53 {
			t.Errorf("%d frames in 2 s at 25/s", n)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n := fill(newDelayBuffer(time.Hour), maxHeld/8); n != 8 {
			t.Errorf("%d frames of an eighth of what is held", n)
		}
	})
}
