package bot

import "testing"

func TestTakes(t *testing.T) {
	var o out
	for i, step := range []struct {
		feed int64
		want bool
	}{{1, true}, {1, true}, {2, true}, {1, false}, {2, true}, {4, true}, {3, false}} {
		if got := o.takes(step.feed); got != step.want {
			t.Errorf("packet %d, of connection %d: %v", i, step.feed, got)
		}
	}
}
