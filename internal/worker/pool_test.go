package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestPoolIsBounded(t *testing.T) {
	p := good(t, Config{Max: 2, Keep: 2})
	a, b := take(t, p), take(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := p.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third worker: %v", err)
	}
	got := make(chan *Worker)
	go func() {
		w, _ := p.Take(context.Background())
		got <- w
	}()
	p.Give(b, nil)
	if w := <-got; w != b {
		t.Error("who waits does not get the worker that is given back")
	} else {
		p.Give(w, nil)
	}
	p.Give(a, nil)
	if n := len(p.PIDs()); n != 2 {
		t.Errorf("%d workers, want 2", n)
	}
}

func TestSpareAndKeep(t *testing.T) {
	p := good(t, Config{Spare: 1, Keep: 1})
	w := take(t, p)
	eventually(t, "a spare one", func() bool { return len(p.PIDs()) == 2 })
	v := take(t, p)
	p.Give(v, nil)
	p.Give(w, nil)
	eventually(t, "one to be kept", func() bool { return len(p.PIDs()) == 1 })
	poor := good(t, Config{Spare: 1, Memory: 1 << 50})
	poor.Give(take(t, poor), nil)
	if n := len(poor.PIDs()); n != 1 {
		t.Errorf("%d workers where memory is short", n)
	}
}

func TestCloseWhileAsking(t *testing.T) {
	p := good(t, Config{Max: 1})
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() {
			_, err := ask(context.Background(), p, "hang")
			errs <- err
		}()
	}
	eventually(t, "two to wait", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.users) == 2
	})
	p.Close()
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want %v", err, ErrClosed)
		}
	}
}

func TestMany(t *testing.T) {
	p := good(t, Config{Max: 3, Keep: 3, Grace: 50 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for j := range 20 {
				switch body := fmt.Sprint(i, " ", j); {
				case (i+j)%23 == 0:
					if _, err := ask(t.Context(), p, "exit"); err == nil {
						t.Error("an answer from the dead")
					}
				default:
					if got, err := ask(t.Context(), p, body); err != nil || got != body {
						t.Errorf("asked %q, got %q, %v", body, got, err)
					}
				}
			}
		})
	}
	wg.Wait()
}
