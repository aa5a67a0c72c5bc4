package work

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueuePutWaitsWhileFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(AtMost[int](2))
		put := 0
		for i := range 2 {
			if err := q.Put(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() {
			err := q.Put(t.Context(), 2)
			put++
			done <- err
		}()
		synctest.Wait()
		if put != 0 {
			t.Fatal("put did not wait")
		}
		if x, err := q.Next(t.Context()); x != 0 || err != nil {
			t.Errorf("took %d, %v", x, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		go func() { done <- q.Put(t.Context(), 3) }()
		synctest.Wait()
		if n := q.Remove(func(x int) bool { return x == 1 }); n != 1 {
			t.Errorf("%d removed", n)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := q.Rest(); !slices.Equal(got, []int{2, 3}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestQueuePutGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(AtMost[int](0)) // one item is there in any case
		if err := q.Put(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Put(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put into a full queue: %v", err)
		}
		if got := q.Rest(); !slices.Equal(got, []int{0}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestQueueForceDropsTheOldest(t *testing.T) {
	q := NewQueue(AtMost[int](3))
	for i := range 3 {
		if got := q.Force(i); len(got) != 0 {
			t.Errorf("dropped %v with room left", got)
		}
	}
	if got := q.Force(3); !slices.Equal(got, []int{0}) {
		t.Errorf("dropped %v", got)
	}
	q.Much = AtMost[int](1) // who drops one drops the rest of the unit
	if got := q.Force(4); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("dropped %v", got)
	}
	for i := range 2 {
		if got := q.Force(5 + i); len(got) != 0 {
			t.Errorf("dropped %v though only full drops", got)
		}
	}
	none := NewQueue(func([]int) bool { return true })
	for i, want := range [][]int{nil, {0}, {1}} { // the newest stays in any case
		if got := none.Force(i); !slices.Equal(got, want) {
			t.Errorf("dropped %v, want %v", got, want)
		}
	}
}

func TestQueueRemoveKeepsTheOrder(t *testing.T) {
	q := NewQueue(AtMost[int](9))
	for i := range 6 {
		q.Force(i)
	}
	if n := q.Remove(func(x int) bool { return x%2 == 0 }); n != 3 {
		t.Errorf("%d removed", n)
	}
	if n := q.Remove(func(int) bool { return false }); n != 0 {
		t.Errorf("%d removed", n)
	}
	if got := q.Rest(); !slices.Equal(got, []int{1, 3, 5}) {
		t.Errorf("left %v", got)
	}
}

func TestQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(AtMost[int](9))
		q.Force(1)
		q.End()
		if got := q.Force(2); !slices.Equal(got, []int{2}) {
			t.Errorf("after the end %v was dropped", got)
		}
		for range 2 { // first takes nothing
			if x, err := q.First(t.Context()); x != 1 || err != nil {
				t.Errorf("first %d, %v", x, err)
			}
		}
		if x, err := q.Next(t.Context()); x != 1 || err != nil {
			t.Errorf("next %d, %v", x, err)
		}
		for name, read := range map[string]func(context.Context) (int, error){"first": q.First, "next": q.Next} {
			if _, err := read(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("%s of an ended queue: %v", name, err)
			}
		}

		waited := NewQueue(AtMost[int](9))
		done := make(chan error)
		go func() {
			_, err := waited.Next(t.Context())
			done <- err
		}()
		synctest.Wait()
		if got := waited.Rest(); len(got) != 0 {
			t.Errorf("rest of nothing: %v", got)
		}
		if err := <-done; !errors.Is(err, io.EOF) {
			t.Errorf("who waits at the end: %v", err)
		}
		if got := waited.Force(1); !slices.Equal(got, []int{1}) {
			t.Errorf("after rest %v was dropped", got)
		}
	})
}

func TestQueueReadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(AtMost[int](9))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next: %v", err)
		}
		q.Force(1)
		if _, err := q.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next of a queue with items: %v", err)
		}
		if got := q.Rest(); !slices.Equal(got, []int{1}) {
			t.Errorf("left %v", got)
		}
	})
}

func TestQueuePeek(t *testing.T) {
	q := NewQueue(AtMost[int](9))
	changed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	_, ok, change := q.Peek()
	if ok || changed(change) {
		t.Error("an empty queue has an item, or changed")
	}
	for i, act := range []func(){
		func() { q.Force(1) }, func() { _ = q.Put(t.Context(), 2) }, func() { q.Remove(func(x int) bool { return x == 2 }) },
	} {
		_, _, change := q.Peek()
		act()
		if !changed(change) {
			t.Errorf("act %d does not tell", i)
		}
	}
	for range 2 {
		if x, ok, _ := q.Peek(); !ok || x != 1 {
			t.Errorf("peeked at %d, %v", x, ok)
		}
	}
	_, _, change = q.Peek()
	q.Take()
	if _, ok, _ := q.Peek(); ok || !changed(change) {
		t.Errorf("after take: item %v, told %v", ok, changed(change))
	}
}
