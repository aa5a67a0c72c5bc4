package enginebench

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// timed is a net that only takes its time, [N,2] to [N,1].
type timed struct {
	took func(n int) time.Duration
	err  error

	mu     sync.Mutex
	closed int
	at     int
}

func (m *timed) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "in", Shape: []int{-1, 2}, Type: "fp32"}}
}

func (m *timed) Outputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "out", Shape: []int{-1, 1}, Type: "fp32"}}
}

func (m *timed) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	m.mu.Lock()
	m.at++
	if m.at > 1 {
		panic("two at once")
	}
	m.mu.Unlock()
	defer func() { m.mu.Lock(); m.at--; m.mu.Unlock() }()
	n := in[0].Shape[0]
	select {
	case <-time.After(m.took(n)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return []inference.Tensor{{Shape: []int{n, 1}, Data: make([]float32, n)}}, m.err
}

func (m *timed) Close() error { m.closed++; return nil }

func measure(t *testing.T, took func(int) time.Duration, load Load) (f Figures, told string) {
	t.Helper()
	var b strings.Builder
	load.Say = func(s string) { b.WriteString(s + "\n") }
	m := &timed{took: took}
	f, err := Measure(t.Context(), func(context.Context) (inference.Model, error) { return m, nil }, load)
	if err != nil {
		t.Fatal(err)
	}
	if m.closed != 1 {
		t.Errorf("closed %d times", m.closed)
	}
	return f, b.String()
}

// TestGPULike: on a device that likes batches the loop reaches what the issue asks for.
func TestGPULike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, told := measure(t, func(n int) time.Duration { return 4*time.Millisecond + time.Duration(n)*250*time.Microsecond },
			Load{Sessions: []int{1, 4, 64}, Length: 4 * time.Second, Saturate: true})
		if f.RoofBatch != 32 || f.Roof < 2600 || f.Roof > 2700 || f.Roof1 < 230 || f.Roof1 > 236 {
			t.Errorf("roof %v at %d, of one %v", f.Roof, f.RoofBatch, f.Roof1)
		}
		most := map[string]int{}
		for _, r := range f.Runs {
			switch {
			case strings.HasPrefix(r.Purpose, "saturated") && r.FPS < .9*f.Roof:
				t.Errorf("saturated: %v", r)
			case r.Policy == Batched && strings.HasPrefix(r.Purpose, "80 %") && (r.P99 == nil || *r.P99 > 40 || r.Missed > 0):
				t.Errorf("at 80 %%: %v", r)
			case r.Policy == Batched && r.Purpose == "as asked for" && r.Missed > 0:
				t.Errorf("as asked for: %v", r)
			case r.Policy == PerSession16 && (r.P50 == nil || *r.P50 < 280):
				t.Errorf("16 frames were gathered in no time: %v", r)
			}
			if r.Missed == 0 {
				most[r.Policy] = max(most[r.Policy], r.Sessions)
			}
		}
		if most[Batched] < 3*most[PerSession1] || most[PerSession1] == 0 {
			t.Errorf("sessions without a miss: %v", most)
		}
		t.Log(told)
	})
}

// TestEnds: what does not fit the time is left out, and told; what was measured stays.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f, told := measure(t, func(n int) time.Duration { return time.Duration(n) * time.Millisecond },
			Load{Sessions: []int{1, 2, 4}, Length: time.Second, Ends: began.Add(14 * time.Second)})
		if len(f.Runs) < 2 || len(f.Runs) > 4 || f.Roof <= 0 || !strings.Contains(f.Skipped, "no time left") || !strings.Contains(told, "no time left") {
			t.Errorf("%+v\n%s", f, told)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		f, _ = measure(t, func(n int) time.Duration { return time.Duration(n) * time.Millisecond },
			Load{Sessions: []int{1}, Length: time.Second, Ends: time.Now()})
		if f.Runs == nil || len(f.Runs) != 0 || f.Roof <= 0 {
			t.Errorf("without time: %+v", f)
		}
	})
}

// TestCPULike: where batches bring nothing the loop is no worse than a goroutine for each session.
func TestCPULike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, told := measure(t, func(n int) time.Duration { return time.Duration(n) * 15 * time.Millisecond },
			Load{Sessions: []int{1, 2, 4}, Length: 4 * time.Second})
		if len(f.Runs) != 9 {
			t.Fatalf("%d runs", len(f.Runs))
		}
		for i := 0; i < len(f.Runs); i += 3 {
			if b, one := f.Runs[i], f.Runs[i+1]; b.Policy != Batched || one.Policy != PerSession1 || b.FPS < .95*one.FPS || b.Done < .95*one.Done {
				t.Errorf("%v\n%v", b, one)
			}
		}
		t.Log(told)
	})
}

func TestTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := measure(t, func(n int) time.Duration { return time.Duration(n) * time.Second }, Load{Sessions: []int{1}})
		if f.Skipped == "" || f.Runs == nil || f.Roof < .9 || f.Roof > 1.1 {
			t.Errorf("got %+v", f)
		}
	})
}

func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		open := func(context.Context) (inference.Model, error) {
			return &timed{took: func(int) time.Duration { return time.Millisecond }, err: broken}, nil
		}
		if _, err := Measure(t.Context(), open, Load{Sessions: []int{1}}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		good := func(context.Context) (inference.Model, error) {
			return &timed{took: func(int) time.Duration { return time.Millisecond }}, nil
		}
		if _, err := Measure(ctx, good, Load{Sessions: []int{3}, Length: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(Report{Nets: []Figures{{Runs: []Run{{Policy: Batched}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"device", "provider", "nets", "net", "precision", "roof_fps", "runs", "policy", "sessions", "offered_fps",
		"fps", "p50_ms", "p99_ms", "missed_pct", "batch_fill"} {
		if !strings.Contains(string(b), `"`+name+`":`) {
			t.Errorf("no %s in %s", name, b)
		}
	}
}
