package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// crowd has sessions ask 25 times a second, so many times each, with 300 ms to spare.
func crowd(t *testing.T, l *Batcher, sessions, times int) {
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Go(func() {
			time.Sleep(ms(40) * time.Duration(s) / time.Duration(sessions))
			for range times {
				submit(t, l, fmt.Sprint(s), 1, ms(300))
				time.Sleep(ms(40))
			}
		})
	}
	wg.Wait()
}

func TestLate(t *testing.T) {
	bubble(t, "at once when it cannot be in time", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		submit(t, l, "a", 1, ms(7)).want(inference.ErrModelLate)
		e.by(t, "refused", 0)
		submit(t, l, "a", 1, -ms(1)).want(inference.ErrModelLate)
		submit(t, l, "a", 2, ms(8)).want(nil)
		if s := l.Stats(); s.Late != 2 || s.Missed != 0 {
			t.Errorf("counted %+v", s)
		}
	})
	bubble(t, "while the device is busy, as soon as it is known", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxBatch = 1 })
		e.set(func() { e.time = func(int) time.Duration { return ms(100) } })
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		submit(t, l, "b", 1, ms(40)).want(inference.ErrModelLate)
		e.by(t, "refused", ms(32))
		first.want(nil)
		wantSizes(t, e, 1)
	})
	bubble(t, "one that runs is answered at its deadline", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		e.set(func() { e.time = func(int) time.Duration { return ms(100) } })
		submit(t, l, "a", 1, ms(40)).want(inference.ErrModelLate)
		e.by(t, "answered", ms(40))
		time.Sleep(ms(100))
		if s := l.Stats(); s.Missed != 1 || s.Late != 0 {
			t.Errorf("counted %+v", s)
		}
	})
	bubble(t, "batches are no longer than the earliest deadline in them allows", func(t *testing.T) {
		e := &echo{time: func(n int) time.Duration { return ms(8 + float64(n-1)) }}
		l := started(t, e, nil)
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		tight := submit(t, l, "tight", 2, ms(8+12))
		var rest []waiter
		for i := range 31 {
			rest = append(rest, submit(t, l, fmt.Sprint(i), float32(10+i), ms(300)))
		}
		first.want(nil)
		tight.want(nil)
		for _, w := range rest {
			w.want(nil)
		}
		wantSizes(t, e, 1, 4, 32)
	})
	bubble(t, "when not all can be in time, most are", func(t *testing.T) {
		// 32 deadlines at which one batch of 32 serves all but the first.
		e := &echo{time: func(n int) time.Duration { return ms(20 + .2*float64(n-1)) }}
		l := started(t, e, nil)
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		tight := submit(t, l, "tight", 2, ms(20+21))
		var rest []waiter
		for i := range 31 {
			rest = append(rest, submit(t, l, fmt.Sprint(i), float32(10+i), ms(20+30)))
		}
		first.want(nil)
		tight.want(inference.ErrModelLate)
		for _, w := range rest {
			w.want(nil)
		}
		wantSizes(t, e, 1, 32)
	})
	bubble(t, "who is at the brink is served when the others can catch up, and before one without a deadline", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxBatch = 1 })
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		patient := submit(t, l, "b", 2, 0)
		brink, lost := submit(t, l, "c", 3, ms(17)), submit(t, l, "d", 4, ms(18))
		first.want(nil)
		brink.want(nil)
		lost.want(inference.ErrModelLate)
		patient.want(nil)
		if got := fmt.Sprint(e.ran()); got != "[[1] [3] [2]]" {
			t.Errorf("ran %v", got)
		}
		e.since()
		first = submit(t, l, "a", 1, 0)
		synctest.Wait()
		brink, lost = submit(t, l, "c", 3, ms(17)), submit(t, l, "d", 4, ms(18))
		safe := submit(t, l, "e", 5, ms(40))
		first.want(nil)
		safe.want(nil)
		brink.want(nil)
		lost.want(inference.ErrModelLate)
		if got := fmt.Sprint(e.ran()); got != "[[1] [3] [5]]" {
			t.Errorf("ran %v", got)
		}
	})
	bubble(t, "under lasting overload the device works for nobody in vain", func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 1))
		net := func(n int) time.Duration { return ms(2 + .25*float64(n)) } // 32 in 10 ms
		e := &echo{time: net}
		l := started(t, e, func(c *Config) { c.Queue = 2048 })
		e.set(func() {

			e.time = func(n int) time.Duration {
				took := time.Duration((1 + .3*rnd.Float64()) * float64(net(n)))
				if rnd.IntN(10) == 0 {
					took += ms(12)
				}
				return took
			}

		})
		crowd(t, l, 140, 100) // 3500 a second, of which it can do 2520
		s, took := l.Stats(), time.Since(e.start)
		if float64(s.Items) < .95*took.Seconds()*32/.0127 || s.Missed > s.Items/200 {
			t.Errorf("ran %d in %v, %.1f in a batch, %d of them in vain, refused %d", s.Items, took, s.Batch.Sum/float64(s.Batch.Count), s.Missed, s.Late)
		}
	})
	bubble(t, "under overload a rare hiccup does not shrink batches", func(t *testing.T) {
		// Times as an H100 took for a net of 96 pixels.
		base := map[int]float64{1: 2.2, 2: 2.4, 4: 2.7, 8: 3.3, 16: 4.4, 32: 6.9}
		rnd := rand.New(rand.NewPCG(1, 1))
		e := &echo{time: func(n int) time.Duration { return ms(base[n]) }}
		l := started(t, e, func(c *Config) { c.Queue = 4096 })
		e.set(func() {
			e.time = func(n int) time.Duration {
				took := ms(base[n] * (1 + .05*rnd.Float64()))
				if rnd.IntN(100) == 0 {
					took += ms(15)
				}
				return took
			}
		})
		crowd(t, l, 234, 80)
		if s := l.Stats(); s.Batch.Sum/float64(s.Batch.Count) < 30 {
			t.Errorf("%.1f in a batch", s.Batch.Sum/float64(s.Batch.Count))
		}
	})
	bubble(t, "a slow moment does not shut the endpoint for ever", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		e.set(func() { e.time = func(int) time.Duration { return ms(300) } })
		for range 8 {
			submit(t, l, "a", 1, 0).want(nil)
		}
		e.set(func() { e.time = gpuLike })
		submit(t, l, "a", 1, ms(40)).want(inference.ErrModelLate)
		for range 500 {
			time.Sleep(ms(40))
			c, err := l.Submit(ask("a", 1, ms(40)))
			if err != nil {
				t.Fatal(err)
			}
			if r := <-c; r.Err == nil {
				return
			}
		}
		t.Error("refused for 20 s after the device was fast again")
	})
}

func TestNumbers(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		bubble(t, fmt.Sprint(bad), func(t *testing.T) {
			e := &echo{time: gpuLike}
			e.poison = func(out []float32) {
				for i := range out {
					if out[i] == -666 {
						out[i] = float32(bad)
					}
				}
			}
			l := started(t, e, nil)
			first := submit(t, l, "a", 1, 0)
			synctest.Wait()
			a, b := submit(t, l, "a", 2, 0), submit(t, l, "b", 666, 0)
			first.want(nil)
			a.want(nil)
			b.want(ErrNumbers)
			if n := l.Stats().Numbers; n != 1 {
				t.Errorf("counted %d", n)
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	bubble(t, "by the best bucket", func(t *testing.T) {
		l := started(t, &echo{time: gpuLike}, nil)
		want := 32 / gpuLike(32).Seconds()
		if got := l.Capacity(); math.Abs(got-want) > 1 {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := l.Sessions(25); got != int(.8*want/25) {
			t.Errorf("%d places", got)
		}
		if l.Sessions(0) != 0 {
			t.Error("places for nothing")
		}
	})
	bubble(t, "learned from what runs", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxBatch = 1 })
		e.set(func() { e.time = func(int) time.Duration { return ms(16) } })
		for range 30 {
			submit(t, l, "a", 1, 0).want(nil)
		}
		if got := l.Capacity(); got < 58 || got > 68 {
			t.Errorf("got %v, want about 62", got)
		}
	})
}

func TestConfig(t *testing.T) {
	open := func(context.Context) (inference.Model, error) { return &echo{time: gpuLike}, nil }
	for _, c := range []Config{
		{}, {Open: open, MaxBatch: -1}, {Open: open, MaxBatch: 1 << 20}, {Open: open, Buckets: []int{0}}, {Open: open, MaxBatch: 2, Buckets: []int{4}},
		{Open: open, Example: []inference.Tensor{{Shape: []int{3}, Data: make([]float32, 3)}}},
	} {
		if l, err := New(t.Context(), c); err == nil {
			t.Errorf("took %+v", c)
			_ = l.Close()
		}
	}
	bubble(t, "progress is told", func(t *testing.T) {
		var told []string
		started(t, &echo{time: gpuLike}, func(c *Config) {
			c.Buckets, c.Progress = []int{4, 1, 4}, func(s string) { told = append(told, s) }
		})
		if got := fmt.Sprint(told); got != "[echo: warming batches of 1 echo: warming batches of 4]" {
			t.Errorf("told %v", got)
		}
	})
}
