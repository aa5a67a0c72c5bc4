package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a net that gives back what it gets, [N,2] to [N,2].
type echo struct {
	time   func(batch int) time.Duration
	fail   func(in inference.Tensor) error // before it takes its time
	hang   chan struct{}                   // while not nil, Run waits for it, whatever its context says
	poison func(out []float32)
	shape  []int // of input and output; nil: [-1,2]

	mu      sync.Mutex
	batches [][]float32 // first number of each item of each run, padding included, since New
	began   []time.Duration
	start   time.Time
	closed  int
}

func (e *echo) Inputs() []inference.TensorInfo {
	if e.shape != nil {
		return []inference.TensorInfo{{Name: "in", Shape: e.shape, Type: "fp32"}}
	}
	return []inference.TensorInfo{{Name: "in", Shape: []int{-1, 2}, Type: "fp32"}}
}

func (e *echo) Outputs() []inference.TensorInfo { return e.Inputs() }

func (e *echo) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	t := in[0]
	n := t.Shape[0]
	e.mu.Lock()
	var first []float32
	for i := range n {
		first = append(first, t.Data[len(t.Data)/n*i])
	}
	e.batches = append(e.batches, first)
	e.began = append(e.began, time.Since(e.start))
	hang := e.hang
	fail := e.fail
	e.mu.Unlock()
	if fail != nil {
		if err := fail(t); err != nil {
			return nil, err
		}
	}
	if hang != nil {
		<-hang
	}
	select {
	case <-time.After(e.time(n)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := inference.Tensor{Shape: t.Shape, Data: append([]float32{}, t.Data...)}
	if e.poison != nil {
		e.poison(out.Data)
	}
	return []inference.Tensor{out}, nil
}

func (e *echo) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed++
	return nil
}

// since forgets what was run so far, and has time begin now.
func (e *echo) since() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.batches, e.began, e.start = nil, nil, time.Now()
}

func (e *echo) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// gpuLike takes 8 ms and a little more for each further item.
func gpuLike(n int) time.Duration { return ms(8 + .5*float64(n-1)) }

// cpuLike takes 10 ms for each item.
func cpuLike(n int) time.Duration { return ms(10 * float64(n)) }

// started opens a Batcher over e, to be closed at the end of the test.
func started(t *testing.T, e *echo, change func(*Config)) *Batcher {
	t.Helper()
	c := Config{Name: "echo", Open: func(context.Context) (inference.Model, error) { return e, nil }}
	if change != nil {
		change(&c)
	}
	l, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	e.since()
	return l
}

// ask is a request with slack before its deadline; 0: it has none.
func ask(session string, value float32, slack time.Duration) inference.ModelRequest {
	r := inference.ModelRequest{Session: session, In: []inference.Tensor{{Shape: []int{2}, Data: []float32{value, -value}}}}
	if slack != 0 {
		r.Deadline = time.Now().Add(slack)
	}
	return r
}

type waiter struct {
	t     *testing.T
	c     <-chan inference.ModelResult
	value float32
}

func submit(t *testing.T, l *Batcher, session string, value float32, slack time.Duration) waiter {
	t.Helper()
	c, err := l.Submit(ask(session, value, slack))
	if err != nil {
		t.Fatal(err)
	}
	return waiter{t, c, value}
}

// want waits for the answer and checks it.
func (w waiter) want(err error) {
	w.t.Helper()
	r := <-w.c
	if !errors.Is(r.Err, err) {
		w.t.Errorf("item %v: got error %v, want %v", w.value, r.Err, err)
		return
	}
	if err != nil {
		return
	}
	if len(r.Out) != 1 || len(r.Out[0].Data) != 2 || len(r.Out[0].Shape) != 1 || r.Out[0].Data[0] != w.value || r.Out[0].Data[1] != -w.value {
		w.t.Errorf("item %v: got %v", w.value, r.Out)
	}
}

// by checks how long after since something happened.
func (e *echo) by(t *testing.T, what string, want time.Duration) {
	t.Helper()
	if got := time.Since(e.start); got < want || got > want+time.Millisecond {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}

func (e *echo) sizes() (n []int) {
	for _, b := range e.ran() {
		n = append(n, len(b))
	}
	return n
}

func (e *echo) ran() [][]float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.batches)
}

// starts returns when runs began, after since.
func (e *echo) starts() []time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.began)
}

func (e *echo) closings() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// bubble runs a test in fake time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}
