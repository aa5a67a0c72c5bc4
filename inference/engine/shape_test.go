package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

func TestShapes(t *testing.T) {
	bubble(t, "items of different sizes share no batch", func(t *testing.T) {
		e := &echo{time: gpuLike, shape: []int{-1, -1}}
		l := started(t, e, nil)
		first, err := l.Submit(ask("a", 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var all []<-chan inference.ModelResult
		for i := range 6 {
			n := 2 + i%2
			data := make([]float32, n)
			data[0] = float32(n)
			c, err := l.Submit(inference.ModelRequest{Session: fmt.Sprint(i), In: []inference.Tensor{{Shape: []int{n}, Data: data}}})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		<-first
		for i, c := range all {
			if r := <-c; r.Err != nil || len(r.Out[0].Data) != 2+i%2 {
				t.Errorf("item %d: %v", i, r)
			}
		}
		if got := fmt.Sprint(e.ran()); got != "[[1] [2 2 2 0] [3 3 3 0]]" {
			t.Errorf("ran %v", got)
		}
	})
	bubble(t, "a net of one size of batch", func(t *testing.T) {
		e := &echo{time: gpuLike, shape: []int{4, 2}}
		l := started(t, e, nil)
		submit(t, l, "a", 1, ms(20)).want(nil)
		wantSizes(t, e, 4)
	})
	for _, shape := range [][]int{{}, {0, 2}, {64, 2}} {
		bubble(t, fmt.Sprint("a net that takes ", shape), func(t *testing.T) {
			e := &echo{time: gpuLike, shape: shape}
			if l, err := New(t.Context(), Config{Open: (&nets{all: []*echo{e}}).open}); err == nil {
				_ = l.Close()
				t.Error("opened")
			}
			if e.closings() != 1 {
				t.Error("left open")
			}
		})
	}
	bubble(t, "answers that are not as long as their shape says", func(t *testing.T) {
		infos := []inference.TensorInfo{{Name: "out", Shape: []int{-1, 2}}}
		for _, out := range [][]inference.Tensor{
			nil, {{}}, {{Shape: []int{1, 2}, Data: make([]float32, 2)}}, {{Shape: []int{2, 2}, Data: make([]float32, 3)}},
			{{Shape: []int{2, 3}, Data: make([]float32, 6)}}, {{Shape: []int{2, -1}}}, {{Shape: []int{2, 1 << 40, 1 << 40}}}, {{Shape: []int{2}, Data: make([]float32, 2)}},
		} {
			if checkOut(infos, out, 2, false) == nil {
				t.Errorf("took %v", out)
			}
		}
	})
}

func TestSpeed(t *testing.T) {
	now := time.Now()
	s := newSpeed(4, []time.Duration{ms(10)}, now)
	s.observe(ms(20), now)
	if got := s.time(now); got != ms(11.02) {
		t.Errorf("mean %v after 10, 20 ms", got)
	}
	if got := s.bound(now); got != ms(18.52) {
		t.Errorf("bound %v", got)
	}
	if got := s.time(now.Add(time.Hour)); got != s.floor {
		t.Errorf("an hour later %v", got)
	}
	for range 100 {
		s.observe(0, now) // clocks may stand
	}
	if s.time(now) <= 0 || s.bound(now) <= 0 {
		t.Errorf("no time at all: %+v", s)
	}
}

// TestHiccup: a slow moment of the larger size does not make a smaller one look
// faster; a device that stays slow does, after some runs.
func TestHiccup(t *testing.T) {
	now := time.Now()
	s := &speeds{all: []speed{newSpeed(16, []time.Duration{ms(4)}, now), newSpeed(32, []time.Duration{ms(7)}, now)}}
	s.of(32).observe(ms(60), now)
	if _, best := s.rate(64, now); best.size != 32 {
		t.Errorf("after one run of 60 ms batches of %d look fastest", best.size)
	}
	for range 5 {
		s.of(32).observe(ms(12), now)
	}
	if _, best := s.rate(64, now); best.size != 16 {
		t.Errorf("after 5 runs of 12 ms batches of %d look fastest", best.size)
	}
}

// spin is a net that keeps a CPU busy for a millisecond.
func spin(int) time.Duration {
	for began := time.Now(); time.Since(began) < time.Millisecond; {
	}
	return 0
}

// BenchmarkAlone: what the Batcher costs a single session, beside BenchmarkDirect.
func BenchmarkAlone(b *testing.B) {
	l, err := New(b.Context(), Config{Open: (&nets{all: []*echo{{time: spin}}}).open})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		c, err := l.Submit(ask("a", 1, time.Second))
		if err != nil {
			b.Fatal(err)
		}
		<-c
	}
}

func BenchmarkDirect(b *testing.B) {
	e := &echo{time: spin}
	for b.Loop() {
		in := ask("a", 1, 0).In
		in[0].Shape = []int{1, 2}
		if _, err := e.Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
