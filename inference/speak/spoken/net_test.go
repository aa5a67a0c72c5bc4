package spoken

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// slow is a net that takes so long, and then fails with err.
type slow struct {
	inference.Model
	takes time.Duration
	err   error
}

func (s *slow) Run(ctx context.Context, _ []inference.Tensor) ([]inference.Tensor, error) {
	select {
	case <-time.After(s.takes):
		return nil, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slow) Close() error { return nil }

// TestPace: what a net did in vain lowers no estimate, and raises it where it took longer.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &slow{}
		n := NewNet(m)
		defer n.Close()
		const text = "twelve words" // 12 symbols
		run := func(takes time.Duration, err error, patience time.Duration) {
			m.takes, m.err = takes, err
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, _ = n.Run(ctx, len(text), nil)
		}
		broken := errors.New("broken")
		for i, step := range []struct {
			takes    time.Duration
			err      error
			patience time.Duration
			estimate time.Duration
		}{
			{0, broken, time.Hour, 0},
			{time.Second, broken, time.Hour, 0},
			{time.Hour, nil, 600 * time.Millisecond, 600 * time.Millisecond}, // so much at least
			{1200 * time.Millisecond, nil, time.Hour, 750 * time.Millisecond},
			{0, broken, time.Hour, 750 * time.Millisecond},
			{time.Hour, nil, 12 * time.Millisecond, 750 * time.Millisecond},
			{time.Hour, nil, 1350 * time.Millisecond, 900 * time.Millisecond},
			{300 * time.Millisecond, nil, time.Hour, 750 * time.Millisecond},
		} {
			run(step.takes, step.err, step.patience)
			if got := n.Estimate(text).Round(time.Millisecond); got != step.estimate {
				t.Fatalf("step %d: %v, want %v", i, got, step.estimate)
			}
		}
	})
}
