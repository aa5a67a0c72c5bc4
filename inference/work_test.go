package inference

import (
	"testing"
	"testing/synctest"
	"time"
)

type engine string

func (e engine) Name() string { return string(e) }

// TestWork: of several engines the one that took longest is told, however many calls it had; one without a name is not.
func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Work
		if w.Longest() != "" {
			t.Errorf("%q worked before anybody did", w.Longest())
		}
		ctx := WithWork(t.Context(), &w)
		for _, c := range []struct {
			engine any
			took   time.Duration
			want   string
		}{{5, time.Minute, ""}, {engine("b"), 0, "b"}, {engine("a"), 0, "a"}, {engine("b"), 2 * time.Second, "b"}, {engine("a"), time.Second, "b"}, {engine("a"), 1100 * time.Millisecond, "a"}} {
			began := time.Now()
			time.Sleep(c.took)
			Did(ctx, c.engine, began)
			Did(t.Context(), c.engine, began.Add(-time.Hour)) // nobody wants to know
			if got := w.Longest(); got != c.want {
				t.Errorf("after %v of %v: %q, want %q", c.took, c.engine, got, c.want)
			}
		}
	})
}
