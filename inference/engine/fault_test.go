package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

// nets opens one net after the other; a nil one cannot be opened.
type nets struct {
	all    []*echo
	opened []time.Time
}

func (n *nets) open(context.Context) (inference.Model, error) {
	n.opened = append(n.opened, time.Now())
	e := n.all[min(len(n.opened), len(n.all))-1]
	if e == nil {
		return nil, errors.New("no such device")
	}
	return e, nil
}

func lostNet(inference.Tensor) error { return fmt.Errorf("xid 79: %w", inference.ErrModelGone) }

func TestLoss(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return lostNet(inference.Tensor{}) },
		"a panic":  func() error { panic("executor") },
		"too long": func() error { time.Sleep(time.Second); return context.DeadlineExceeded },
	} {
		bubble(t, name, func(t *testing.T) {
			a, b := &echo{time: gpuLike}, &echo{time: gpuLike}
			n := &nets{all: []*echo{a, nil, nil, b}}
			l := started(t, a, func(c *Config) { c.Open = n.open })
			a.set(func() { a.fail = func(inference.Tensor) error { return fail() } })
			first := submit(t, l, "a", 1, 0)
			synctest.Wait()
			second := submit(t, l, "b", 2, time.Minute)
			first.want(inference.ErrModelGone)
			second.want(inference.ErrModelGone)
			lost := time.Now()
			synctest.Wait()
			if s := l.State(); s != Lost {
				t.Errorf("state %q", s)
			}
			submit(t, l, "a", 3, time.Minute).want(inference.ErrModelGone)
			if now := time.Now(); now != lost {
				t.Error("an answer took", now.Sub(lost))
			}
			if a.closings() != 1 {
				t.Errorf("closed %d times", a.closings())
			}
			time.Sleep(8 * time.Second)
			submit(t, l, "a", 4, time.Minute).want(nil)
			var pauses []time.Duration
			for _, at := range n.opened[1:] {
				pauses = append(pauses, at.Sub(lost).Round(time.Millisecond))
			}
			if want := []time.Duration{time.Second, 3 * time.Second, 7 * time.Second}; !slices.Equal(pauses, want) {
				t.Errorf("opened anew after %v, want %v", pauses, want)
			}
			if s := l.Stats(); s.Reopens != 1 || s.Gone != 3 || s.State != Ready {
				t.Errorf("counted %+v", s)
			}
		})
	}
	bubble(t, "for long: tried every 30 s", func(t *testing.T) {
		a := &echo{time: gpuLike}
		n := &nets{all: []*echo{a, nil}}
		l := started(t, a, func(c *Config) { c.Open = n.open })
		a.set(func() { a.fail = lostNet })
		submit(t, l, "a", 1, 0).want(inference.ErrModelGone)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		last := n.opened[len(n.opened)-2:]
		if d := last[1].Sub(last[0]); d != longPause {
			t.Errorf("tried every %v", d)
		}
	})
	bubble(t, "back as another net: not used", func(t *testing.T) {
		a := &echo{time: gpuLike}
		other := &silent{a}
		opened := 0
		l := started(t, a, func(c *Config) {
			c.Open = func(context.Context) (inference.Model, error) {
				if opened++; opened == 1 {
					return a, nil
				}
				return other, nil
			}
		})
		a.set(func() { a.fail = lostNet })
		submit(t, l, "a", 1, 0).want(inference.ErrModelGone)
		time.Sleep(10 * time.Second)
		submit(t, l, "a", 1, 0).want(inference.ErrModelGone)
		synctest.Wait()
		if opened < 3 || a.closings() != opened {
			t.Errorf("opened %d times, closed %d", opened, a.closings())
		}
	})
}

// silent is an echo without outputs.
type silent struct{ *echo }

func (s *silent) Outputs() []inference.TensorInfo { return nil }

func TestFailure(t *testing.T) {
	hostile := errors.New("hostile")
	bubble(t, "of one item takes no other down", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		e.set(func() {
			e.fail = func(in inference.Tensor) error {
				if slices.Contains(in.Data, 666) {
					return hostile
				}
				return nil
			}
		})
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		a, b, c := submit(t, l, "a", 2, 0), submit(t, l, "b", 666, 0), submit(t, l, "c", 3, ms(100))
		late := submit(t, l, "d", 4, ms(20))
		first.want(nil)
		a.want(nil)
		b.want(hostile)
		c.want(nil)
		late.want(nil)
		wantSizes(t, e, 1, 4, 1, 1, 1, 1)
		if s := l.Stats(); s.Failed != 1 || s.Reopens != 0 || s.State != Ready {
			t.Errorf("counted %+v", s)
		}
		submit(t, l, "b", 666, 0).want(hostile)
		submit(t, l, "a", 5, ms(50)).want(nil)
	})
	bubble(t, "retried items are refused when late", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		e.set(func() {
			e.fail = func(in inference.Tensor) error {
				if in.Shape[0] > 1 {
					return hostile
				}
				return nil
			}
		})
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		var all []waiter
		for i := range 4 {
			all = append(all, submit(t, l, fmt.Sprint(i), float32(i), ms(8+20)))
		}
		first.want(nil)
		all[0].want(nil)
		all[1].want(nil)
		all[2].want(inference.ErrModelLate)
		all[3].want(inference.ErrModelLate)
	})
	bubble(t, "outputs that are not what the net said", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) {
			c.Open = func(context.Context) (inference.Model, error) { return &garbler{echo: e}, nil }
		})
		c, err := l.Submit(ask("a", 666, 0))
		if err != nil {
			t.Fatal(err)
		}
		if r := <-c; r.Err == nil || !strings.Contains(r.Err.Error(), "has 1 numbers") {
			t.Errorf("got %v", r)
		}
		submit(t, l, "a", 1, 0).want(nil)
	})
}

// garbler gives a tensor whose shape lies when asked for 666.
type garbler struct{ *echo }

func (g *garbler) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	out, err := g.echo.Run(ctx, in)
	if in[0].Data[0] == 666 {
		out[0].Data = out[0].Data[:1]
	}
	return out, err
}

func TestMemory(t *testing.T) {
	limit := func(most int) func(inference.Tensor) error {
		return func(in inference.Tensor) error {
			if in.Shape[0] > most {
				return fmt.Errorf("%d: %w", in.Shape[0], inference.ErrModelMemory)
			}
			return nil
		}
	}
	bubble(t, "too small for large batches at start", func(t *testing.T) {
		e := &echo{time: gpuLike, fail: limit(8)}
		l := started(t, e, nil)
		if got := l.Stats().Largest; got != 8 {
			t.Errorf("largest bucket %d", got)
		}
	})
	bubble(t, "too small for any", func(t *testing.T) {
		e := &echo{time: gpuLike, fail: limit(0)}
		_, err := New(t.Context(), Config{Open: func(context.Context) (inference.Model, error) { return e, nil }})
		if !errors.Is(err, inference.ErrModelMemory) || e.closings() != 1 {
			t.Errorf("got %v; closed %d times", err, e.closings())
		}
	})
	bubble(t, "taken away: halves, and nobody fails", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		e.set(func() { e.fail = limit(4) })
		first := submit(t, l, "a", 1, 0)
		synctest.Wait()
		var all []waiter
		for i := range 32 {
			all = append(all, submit(t, l, fmt.Sprint(i), float32(i), 0))
		}
		first.want(nil)
		for _, w := range all {
			w.want(nil)
		}
		wantSizes(t, e, 1, 32, 16, 8, 4, 4, 4, 4, 4, 4, 4, 4)
		if got := l.Stats().Largest; got != 4 {
			t.Errorf("largest bucket %d", got)
		}
	})
	bubble(t, "all taken away: opened anew, with all buckets", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		e.set(func() { e.fail = limit(0) })
		submit(t, l, "a", 1, 0).want(inference.ErrModelGone)
		e.set(func() { e.fail = nil })
		time.Sleep(3 * time.Second)
		submit(t, l, "a", 2, 0).want(nil)
		if s := l.Stats(); s.Reopens != 1 || s.Largest != 32 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestStuck(t *testing.T) {
	bubble(t, "all are answered, and the loop goes on when the net comes back", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, func(c *Config) { c.TimeLimit = time.Second })
		free := make(chan struct{})
		e.set(func() { e.hang = free })
		soon, later := submit(t, l, "a", 1, ms(200)), submit(t, l, "b", 2, time.Minute)
		synctest.Wait()
		waits, waitsLong := submit(t, l, "c", 3, ms(100)), submit(t, l, "d", 4, 0)
		waits.want(inference.ErrModelLate)
		e.by(t, "refused", ms(92))
		soon.want(inference.ErrModelLate)
		e.by(t, "answered", ms(200))
		later.want(inference.ErrModelGone)
		e.by(t, "answered", time.Second)
		waitsLong.want(inference.ErrModelGone)
		if s := l.State(); s != Stuck {
			t.Errorf("state %q", s)
		}
		submit(t, l, "a", 5, time.Minute).want(inference.ErrModelGone)
		e.by(t, "answered", time.Second)
		time.Sleep(time.Minute)
		e.set(func() { e.hang = nil; e.time = func(n int) time.Duration { return gpuLike(n) } })
		close(free)
		time.Sleep(5 * time.Second) // its context ended: it is opened anew
		if s := l.State(); s != Ready {
			t.Errorf("state %q", s)
		}
		submit(t, l, "a", 6, ms(100)).want(nil)
	})
	bubble(t, "a net that comes back well is not opened anew", func(t *testing.T) {
		e := &echo{time: gpuLike}
		deaf := &deaf{e}
		l := started(t, e, func(c *Config) {
			c.TimeLimit = time.Second
			c.Open = func(context.Context) (inference.Model, error) { return deaf, nil }
		})
		free := make(chan struct{})
		e.set(func() { e.hang = free })
		submit(t, l, "a", 1, 0).want(inference.ErrModelGone)
		e.set(func() { e.hang = nil })
		close(free)
		time.Sleep(ms(10))
		submit(t, l, "a", 2, ms(100)).want(nil)
		if s := l.Stats(); s.Reopens != 0 || s.Gone != 1 {
			t.Errorf("counted %+v", s)
		}
	})
	bubble(t, "closing answers all, then waits for the net", func(t *testing.T) {
		e := &echo{time: gpuLike}
		l := started(t, e, nil)
		free := make(chan struct{})
		e.set(func() { e.hang = free })
		runs := submit(t, l, "a", 1, 0)
		synctest.Wait()
		waits := submit(t, l, "b", 2, 0)
		done := make(chan struct{})
		go func() { _ = l.Close(); close(done) }()
		runs.want(inference.ErrModelGone)
		waits.want(inference.ErrModelGone)
		submit(t, l, "b", 3, 0).want(inference.ErrModelGone)
		synctest.Wait()
		select {
		case <-done:
			t.Error("closed while the net runs")
		default:
		}
		close(free)
		<-done
		if e.closings() != 1 || l.State() != Closed {
			t.Errorf("closed %d times, state %q", e.closings(), l.State())
		}
	})
}

// deaf ignores its context.
type deaf struct{ *echo }

func (d *deaf) Run(_ context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	return d.echo.Run(context.Background(), in)
}

func TestOpening(t *testing.T) {
	bubble(t, "fails", func(t *testing.T) {
		_, err := New(t.Context(), Config{Open: (&nets{all: []*echo{nil}}).open})
		if err == nil {
			t.Error("opened")
		}
	})
	bubble(t, "panics", func(t *testing.T) {
		_, err := New(t.Context(), Config{Open: func(context.Context) (inference.Model, error) { panic("library") }})
		if err == nil {
			t.Error("opened")
		}
	})
	bubble(t, "ends with its context", func(t *testing.T) {
		e := &echo{time: func(int) time.Duration { return time.Hour }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := New(ctx, Config{Open: func(context.Context) (inference.Model, error) { return e, nil }})
		if err == nil || e.closings() != 1 {
			t.Errorf("got %v; closed %d times", err, e.closings())
		}
	})
	bubble(t, "closed while it is opened anew", func(t *testing.T) {
		a := &echo{time: gpuLike}
		opening := func(ctx context.Context) (inference.Model, error) {
			if a.closings() == 0 {
				return a, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		l := started(t, a, func(c *Config) { c.Open = opening })
		a.set(func() { a.fail = lostNet })
		submit(t, l, "a", 1, 0).want(inference.ErrModelGone)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := l.State(); s != Warming {
			t.Errorf("state %q", s)
		}
		_ = l.Close()
	})
}
