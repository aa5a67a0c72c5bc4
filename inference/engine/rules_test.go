package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

func wantSizes(t *testing.T, e *echo, want ...int) {
	t.Helper()
	if got := e.sizes(); !slices.Equal(got, want) {
		t.Errorf("ran batches of %v, want %v", got, want)
	}
}

func TestBatching(t *testing.T) {
	bubble(t, "alone: at once, with no company to wait for", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		for i := range 3 {
			submit(t, l, "a", float32(i), ms(60)).want(nil)
		}
		if got := time.Since(e.start); got != 3*ms(8) {
			t.Errorf("three in a row took %v", got)
		}
		wantSizes(t, e, 1, 1, 1)
	})
	bubble(t, "while the device is busy, requests gather, and are padded to the bucket", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		var rest []waiter
		for i := range 5 {
			rest = append(rest, submit(t, l, fmt.Sprint("s", i), float32(10+i), ms(300)))
		}
		first.want(nil)
		for _, w := range rest {
			w.want(nil)
		}
		wantSizes(t, e, 1, 8)
		if pad := e.ran()[1][5:]; !slices.Equal(pad, []float32{0, 0, 0}) {
			t.Errorf("padding is %v", pad)
		}
		if s := l.Stats(); s.Items != 6 || s.Slots != 9 || s.Fill() != 6./9 || s.Batch.Count != 2 || s.Wait.Count != 6 || s.Run.Count != 2 {
			t.Errorf("counted %+v", s)
		}
	})
	bubble(t, "where batches are no faster, none are made", func(t *testing.T) {
		e := &echo{time: cpuLike}
		l := started(t, e, nil)
		var all []waiter
		for i := range 5 {
			all = append(all, submit(t, l, fmt.Sprint(i), float32(i), ms(400)))
		}
		for _, w := range all {
			w.want(nil)
		}
		wantSizes(t, e, 1, 1, 1, 1, 1)
		if l.Stats().Largest != 32 {
			t.Errorf("largest bucket %d: one that takes 320 ms may serve", l.Stats().Largest)
		}
	})
	bubble(t, "buckets that take too long are not used", func(t *testing.T) {
		l := started(t, &echo{time: func(n int) time.Duration { return ms(40 * float64(n)) }}, nil)
		if got := l.Stats().Largest; got != 8 {
			t.Errorf("largest bucket %d", got)
		}
	})
	bubble(t, "a full batch goes at once", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxBatch, c.MaxAge = 4, ms(50) })
		busy(t, l, 2)
		e.since()
		for i := range 4 {
			submit(t, l, fmt.Sprint(i), float32(i), ms(300))
		}
		time.Sleep(ms(1))
		if len(e.starts()) == 0 || e.starts()[0] != 0 {
			t.Errorf("began at %v", e.starts())
		}
		if n := e.sizes(); n[0] != 4 {
			t.Errorf("batches of %v", n)
		}
	})
}

// busy makes it known that many sessions send often.
func busy(t *testing.T, l *Batcher, sessions int) {
	t.Helper()
	for i := range 40 {
		for s := range sessions {
			submit(t, l, fmt.Sprint("busy", s), float32(i), ms(400))
		}
		time.Sleep(ms(4))
	}
	time.Sleep(ms(100))
	if d := l.Stats().Depth; d != 0 {
		t.Fatalf("%d are left", d)
	}
}

func TestWaiting(t *testing.T) {
	bubble(t, "for company that is expected, up to its age", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxAge = ms(30) })
		busy(t, l, 3)
		e.since()
		a := submit(t, l, "busy0", 1, ms(300))
		time.Sleep(ms(10))
		b := submit(t, l, "busy1", 2, ms(300))
		a.want(nil)
		b.want(nil)
		wantSizes(t, e, 2)
		e.by(t, "both are back", ms(30+8.5))
	})
	bubble(t, "not beyond what the earliest deadline allows", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxAge = ms(30) })
		busy(t, l, 3)
		e.since()
		a := submit(t, l, "busy0", 1, ms(300))
		time.Sleep(ms(5))
		submit(t, l, "busy1", 2, ms(15)).want(nil)
		a.want(nil)
		wantSizes(t, e, 2)
		if at := e.starts()[0]; at < ms(5) || at > ms(11.5) {
			t.Errorf("began at %v", at)
		}
	})
	bubble(t, "not when everybody is here", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxAge = ms(30) })
		busy(t, l, 2)
		e.since()
		a, b := submit(t, l, "busy0", 1, ms(300)), submit(t, l, "busy1", 2, ms(300))
		a.want(nil)
		b.want(nil)
		wantSizes(t, e, 2)
		if e.starts()[0] != 0 {
			t.Errorf("began at %v", e.starts())
		}
	})
	bubble(t, "not when others come too rarely", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		for i := range 20 {
			submit(t, l, fmt.Sprint(i%3), 1, ms(100)).want(nil)
			time.Sleep(ms(12))
		}
		if got := time.Since(e.start); got != 20*ms(20) {
			t.Errorf("waited %v in all", got-20*ms(20))
		}
	})
}

func TestOrder(t *testing.T) {
	one := func(c *Config) { c.MaxBatch = 1 }
	bubble(t, "earliest deadline first, those without one last", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, one)
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		var rest []waiter
		for i, slack := range []float64{0, 300, 100, 200} {
			rest = append(rest, submit(t, l, "a", float32(10+i), ms(slack)))
		}
		first.want(nil)
		for _, w := range rest {
			w.want(nil)
		}
		if got := fmt.Sprint(e.ran()); got != "[[1] [12] [13] [11] [10]]" {
			t.Errorf("ran %v", got)
		}
	})
	bubble(t, "one without a deadline does not starve", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxBatch, c.PerSession = 1, 500 })
		var patient waiter
		for i := range 300 { // more than the device can do
			submit(t, l, "a", 7, ms(400))
			if i == 10 {
				patient = submit(t, l, "b", 8, 0)
			}
			time.Sleep(ms(6))
		}
		patient.want(nil)
		at := slices.IndexFunc(e.ran(), func(b []float32) bool { return b[0] == 8 })
		if e.starts()[at] < patience || e.starts()[at] > patience+ms(500) {
			t.Errorf("ran at %v", e.starts()[at])
		}
	})
	bubble(t, "one without a deadline fills batches", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		a, b := submit(t, l, "b", 2, ms(100)), submit(t, l, "c", 3, 0)
		first.want(nil)
		a.want(nil)
		b.want(nil)
		wantSizes(t, e, 1, 2)
	})
	bubble(t, "nobody takes more than a share of a batch while others wait", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.MaxBatch = 4 })
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		var rest []waiter
		for i := range 8 {
			rest = append(rest, submit(t, l, "greedy", float32(10+i), ms(100)))
		}
		for i := range 2 {
			rest = append(rest, submit(t, l, "modest", float32(20+i), ms(200)))
		}
		first.want(nil)
		for _, w := range rest {
			w.want(nil)
		}
		if got := fmt.Sprint(e.ran()); got != "[[1] [10 11 20 21] [12 13 14 15] [16 17 0 0]]" && got != "[[1] [10 11 20 21] [12 13 14 15] [16 17]]" {
			t.Errorf("ran %v", got)
		}
	})
}

func TestBusy(t *testing.T) {
	bubble(t, "the queue is bounded", func(t *testing.T) {
		l := started(t, &echo{time: gpuLike}, func(c *Config) { c.Queue, c.MaxBatch = 3, 1 })
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		for i := range 3 {
			submit(t, l, fmt.Sprint(i), 1, 0)
		}
		if _, err := l.Submit(ask("b", 1, 0)); !errors.Is(err, inference.ErrModelBusy) {
			t.Errorf("got %v", err)
		}
		first.want(nil)
		time.Sleep(ms(50))
		submit(t, l, "b", 5, ms(50)).want(nil)
		if s := l.Stats(); s.Busy != 1 || s.Share != 0 {
			t.Errorf("counted %+v", s)
		}
	})
	bubble(t, "so is each session's part of it", func(t *testing.T) {
		l := started(t, &echo{time: gpuLike}, func(c *Config) { c.PerSession, c.MaxBatch = 2, 1 })
		submit(t, l, "a", 1, 0)
		synctest.Wait()
		submit(t, l, "a", 1, 0)
		submit(t, l, "a", 1, 0)
		if _, err := l.Submit(ask("a", 1, 0)); !errors.Is(err, inference.ErrModelBusy) {
			t.Errorf("got %v", err)
		}
		submit(t, l, "b", 2, 0).want(nil)
		if s := l.Stats(); s.Share != 1 || s.Busy != 0 {
			t.Errorf("counted %+v", s)
		}
	})
	bubble(t, "what the net does not take is refused", func(t *testing.T) {
		l := started(t, &echo{time: gpuLike}, nil)
		for _, in := range [][]inference.Tensor{
			nil,
			{{Shape: []int{3}, Data: make([]float32, 3)}},
			{{Shape: []int{2}, Data: make([]float32, 3)}},
			{{Shape: []int{1, 2}, Data: make([]float32, 2)}},
			{{Shape: []int{2}, Data: make([]float32, 2)}, {}},
			{{}},
		} {
			if _, err := l.Submit(inference.ModelRequest{In: in}); err == nil {
				t.Errorf("took %v", in)
			}
		}
	})
}
