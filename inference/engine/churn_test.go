package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// TestChurn: sessions come and go, give up, are with a deadline or not; the net fails, is lost,
// runs out of memory and hangs. Every request gets one answer, in time, and what is
// answered is the session's own.
func TestChurn(t *testing.T) {
	for seed := range uint64(12) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) { churn(t, seed) })
	}
}

func churn(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	e := &echo{time: func(n int) time.Duration { return gpuLike(n) + time.Duration(n%3)*ms(1) }}
	troubles := []error{errors.New("hostile"), inference.ErrModelGone, inference.ErrModelMemory, context.DeadlineExceeded}
	trouble := false
	fail := func(in inference.Tensor) error { // on the device's goroutine alone
		if !trouble {
			return nil
		}
		switch n := rnd.IntN(600); {
		case n < len(troubles):
			return troubles[n]
		case n == 10:
			panic("executor")
		case n == 11:
			time.Sleep(3 * time.Second)
		}
		return nil
	}
	l := started(t, e, func(c *Config) { c.TimeLimit, c.Queue, c.PerSession = time.Second, 40, 12 })
	e.set(func() { e.fail = fail; trouble = true })

	var mu sync.Mutex
	count := map[string]int{}
	var wg sync.WaitGroup
	for s := range 12 {
		rnd := rand.New(rand.NewPCG(seed, 100+uint64(s)))
		wg.Go(func() {
			name := fmt.Sprint("session", s%9)
			for i := range 900 {
				slack := time.Duration(0)
				if rnd.IntN(4) > 0 {
					slack = ms(rnd.Float64() * 300)
				}
				value := float32(s*1000 + i + 1)
				r := ask(name, value, slack)
				c, err := l.Submit(r)
				time.Sleep(ms(rnd.Float64() * 60))
				if rnd.IntN(5) == 0 {
					continue // nobody reads the answer
				}
				what := "busy"
				if err == nil {
					what = take(t, c, r, value)
				} else if !errors.Is(err, inference.ErrModelBusy) {
					t.Errorf("refused: %v", err)
				}
				mu.Lock()
				count[what]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	synctest.Wait()
	t.Logf("%v, %d batches, fill %.2f, reopened %d", count, l.Stats().Batch.Count, l.Stats().Fill(), l.Stats().Reopens)
	if count["fine"] < 100 || count["gone"] == 0 || count["late"] == 0 {
		t.Errorf("nothing was proven: %v", count)
	}
}

// take waits for an answer and says what it is.
func take(t *testing.T, c <-chan inference.ModelResult, r inference.ModelRequest, value float32) string {
	res := <-c
	if !r.Deadline.IsZero() && time.Now().After(r.Deadline.Add(ms(61))) {
		t.Errorf("item %v: an answer %v after its deadline", value, time.Since(r.Deadline))
	}
	select {
	case <-c:
		t.Errorf("item %v: two answers", value)
	default:
	}
	switch {
	case res.Err == nil:
		out := res.Out[0].Data
		if len(out) != 2 || cap(out) != 2 || out[0] != value || out[1] != -value {
			t.Errorf("item %v: got %v", value, out)
		}
		return "fine"
	case errors.Is(res.Err, inference.ErrModelGone):
		return "gone"
	case errors.Is(res.Err, inference.ErrModelLate):
		return "late"
	}
	return "failed"
}

// bulk is an echo of large items, so that assembling them is worth overlapping.
type bulk struct{ *echo }

const bulkItem = 1 << 16

func (b *bulk) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "in", Shape: []int{-1, bulkItem}, Type: "fp32"}}
}

func (b *bulk) Outputs() []inference.TensorInfo { return b.Inputs() }

// TestBulk has many goroutines in the Batcher in real time, for the race detector, and
// batches assembled while others run.
func TestBulk(t *testing.T) {
	e := &echo{time: func(int) time.Duration { return ms(3) }}
	l := started(t, e, func(c *Config) {
		c.MaxBatch = 16
		c.Open = func(context.Context) (inference.Model, error) { return &bulk{e}, nil }
	})
	var wg sync.WaitGroup
	var fine, late atomic.Int64
	for s := range 10 {
		rnd := rand.New(rand.NewPCG(3, uint64(s)))
		wg.Go(func() {
			for i := range 30 {
				value := float32(1000*s + i + 1)
				r := inference.ModelRequest{Session: fmt.Sprint(s), In: []inference.Tensor{{Shape: []int{bulkItem}, Data: make([]float32, bulkItem)}}}
				for j := range r.In[0].Data {
					r.In[0].Data[j] = value
				}
				r.Deadline = time.Now().Add(ms(5 + 200*rnd.Float64()))
				c, err := l.Submit(r)
				if err != nil {
					t.Error(err)
					return
				}
				if rnd.IntN(3) == 0 {
					continue
				}
				res := <-c
				if res.Err != nil {
					late.Add(1)
					continue
				}
				fine.Add(1)
				for _, v := range res.Out[0].Data {
					if v != value {
						t.Errorf("session %d got %v for %v", s, v, value)
						return
					}
				}
				_ = l.Stats()
			}
		})
	}
	wg.Wait()
	t.Logf("%d fine, %d late, fill %.2f", fine.Load(), late.Load(), l.Stats().Fill())
	if fine.Load() == 0 {
		t.Error("nothing was proven")
	}
}

func TestStaging(t *testing.T) {
	bubble(t, "what was assembled ahead is topped up", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		l.copying = ms(4) // as if learned
		first := submit(t, l, "a", 1, 0)
		time.Sleep(ms(1))
		all := []waiter{submit(t, l, "b", 2, 0), submit(t, l, "c", 3, ms(400)), submit(t, l, "d", 4, ms(400))}
		synctest.Wait()
		if l.staged == nil || len(l.staged.items) < 1 {
			t.Fatal("nothing is staged")
		}
		time.Sleep(ms(1))
		all = append(all, submit(t, l, "e", 5, ms(50)))
		first.want(nil)
		for _, w := range all {
			w.want(nil)
		}
		if got := e.ran(); len(got[1]) != 4 && len(got[2]) != 4 {
			t.Errorf("ran %v", got)
		}
	})
	bubble(t, "what was assembled ahead is refused when late, and answered when the net is stuck", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.TimeLimit = time.Second })
		l.copying = ms(4)
		e.set(func() { e.time = func(int) time.Duration { return ms(100) } })
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		a := submit(t, l, "b", 2, ms(40))
		a.want(inference.ErrModelLate)
		e.by(t, "answered", ms(40))
		first.want(nil)
		e.set(func() { e.time = func(int) time.Duration { return time.Minute } })
		l.copying = ms(4)
		first = submit(t, l, "a", 1, 0)
		time.Sleep(ms(10))
		a = submit(t, l, "b", 2, 0)
		first.want(inference.ErrModelGone)
		a.want(inference.ErrModelGone)
	})
}
