package signaling

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// slow is a Connector that takes its time to answer.
type slow struct {
	Connector
	takes time.Duration
}

func (s slow) Publish(context.Context, string, string) (Peer, string, error) {
	time.Sleep(s.takes)
	return nil, "answer", nil
}

func (s slow) View(ctx context.Context, id string, _ inference.Lang, offer string) (Peer, string, error) {
	return s.Publish(ctx, id, offer)
}

// TestBound sends twice as many offers as are answered at a time, of either sort.
func TestBound(t *testing.T) {
	for takes, full := range map[time.Duration]int{4 * time.Second: 0, 6 * time.Second: answering} {
		synctest.Test(t, func(t *testing.T) {
			c := Bound(slow{takes: takes}, Budget{})
			var wg sync.WaitGroup
			var mu sync.Mutex
			refused := 0
			for i := range 2 * answering {
				wg.Go(func() {
					var err error
					if i%2 == 0 {
						_, _, err = c.Publish(t.Context(), "a", "")
					} else {
						_, _, err = c.View(t.Context(), "a", "es", "")
					}
					mu.Lock()
					defer mu.Unlock()
					if errors.Is(err, ErrFull) {
						refused++
					} else if err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, _, err := c.Publish(ctx, "a", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("one who leaves: %v", err)
			}
			wg.Wait()
			if refused != full {
				t.Errorf("offers answered in %v: %d of %d were refused, want %d", takes, refused, 2*answering, full)
			}
			if _, answer, err := c.Publish(t.Context(), "a", ""); err != nil || answer != "answer" {
				t.Errorf("afterwards: %q, %v", answer, err)
			}
		})
	}
}
