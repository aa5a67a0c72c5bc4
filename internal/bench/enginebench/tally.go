package enginebench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"livedub/inference"
)

// tally counts what comes back.
type tally struct {
	mu    sync.Mutex
	asked int
	fine  int
	took  []time.Duration
	err   error // of the net itself
}

func (t *tally) ask() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
}

func (t *tally) back(took time.Duration, inTime bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.took = append(t.took, took)
		if inTime {
			t.fine++
		}
	case !errors.Is(err, inference.ErrModelLate) && !errors.Is(err, inference.ErrModelBusy) && !errors.Is(err, context.Canceled):
		t.err = err
	}
}

func (t *tally) run(length time.Duration) Run {
	r := Run{Offered: float64(t.asked) / length.Seconds(), FPS: float64(t.fine) / length.Seconds(), Done: float64(len(t.took)) / length.Seconds()}
	if t.asked > 0 {
		r.Missed = 100 * float64(t.asked-t.fine) / float64(t.asked)
	}
	slices.Sort(t.took)
	at := func(p float64) *Number {
		if len(t.took) == 0 {
			return nil
		}
		ms := Number(float64(t.took[int(p*float64(len(t.took)-1))].Microseconds()) / 1000)
		return &ms
	}
	r.P50, r.P99 = at(.5), at(.99)
	return r
}

// String tells a run in a line.
func (r Run) String() string {
	return fmt.Sprintf("%-14s %3d sessions, slack %3.0f ms: %7.1f of %7.1f fps (late too: %.1f), p50 %v ms, p99 %v ms, missed %.2f %%, %.1f items a batch, fill %.2f (%s)",
		r.Policy, r.Sessions, r.SlackMS, r.FPS, r.Offered, r.Done, r.P50, r.P99, r.Missed, r.Batch, r.Fill, r.Purpose)
}
