package inference

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestShare: who is followed by another gets two thirds of what is left, by a
// deadline or by what was told, whichever is earlier; the last one all of it.
func TestShare(t *testing.T) {
	for name, c := range map[string]struct {
		deadline, told time.Duration // 0: none
		more           bool
		want           time.Duration
	}{
		"a deadline":      {3 * time.Second, 0, true, 2 * time.Second},
		"told":            {0, 3 * time.Second, true, 2 * time.Second},
		"told earlier":    {9 * time.Second, 3 * time.Second, true, 2 * time.Second},
		"told later":      {3 * time.Second, 9 * time.Second, true, 2 * time.Second},
		"the last":        {3 * time.Second, time.Second, false, 3 * time.Second},
		"nothing is left": {0, -time.Second, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if c.deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.deadline)
				defer cancel()
			}
			if c.told != 0 {
				ctx = WithBudget(ctx, time.Now().Add(c.told))
			}
			began := time.Now()
			_, err := Share(ctx, c.more, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			if took := time.Since(began); took != c.want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, %v, want %v", name, took, err, c.want)
			}
		})
	}
	if _, ok := Budget(t.Context()); ok {
		t.Error("a budget that nobody told")
	}
	if n, err := Share(t.Context(), true, func(context.Context) (int, error) { return 5, nil }); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
