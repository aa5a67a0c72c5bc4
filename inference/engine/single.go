package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"livedub/inference"
)

// Single is an inference.Model over a Batcher, for a net whose runs cannot be
// batched, since each has its own sizes and takes its own time, as those of nets
// that speak. Requests of all sessions wait in one queue, earliest deadline first.
// It is safe for concurrent use.
type Single struct {
	*Batcher
	inputs, outputs []inference.TensorInfo

	mu    sync.Mutex
	after []func() // of Close
}

// NewSingle opens the net, and tries it with c.Example. Sizes of batches in c mean nothing here.
func NewSingle(ctx context.Context, c Config) (*Single, error) {
	s := &Single{}
	open := c.Open
	c.Open = func(ctx context.Context) (inference.Model, error) {
		m, err := open(ctx)
		if err != nil || m == nil {
			return nil, err
		}
		return boxed{m}, nil
	}
	c.MaxBatch, c.Buckets, c.MaxAge, c.varies = 1, []int{1}, -1, true
	c.PerSession = max(c.Queue, defaultQueue) // whose they are is not known
	var err error
	if s.Batcher, err = New(ctx, c); err != nil {
		return nil, err
	}
	s.inputs, s.outputs = unboxed(s.Batcher.Inputs()), unboxed(s.Batcher.Outputs())
	return s, nil
}

// Inputs implements inference.Model.
func (s *Single) Inputs() []inference.TensorInfo { return s.inputs }

// Outputs implements inference.Model.
func (s *Single) Outputs() []inference.TensorInfo { return s.outputs }

// Run implements inference.Model. The result is wanted by what inference.Budget
// tells: later it is ErrModelLate.
func (s *Single) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	out, _, err := s.RunTimed(ctx, in)
	return out, err
}

// RunTimed is Run, and tells how long the net was at it, without what was waited for.
func (s *Single) RunTimed(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	r := inference.ModelRequest{In: in}
	if end, ok := inference.Budget(ctx); ok {
		r.Deadline = end
	}
	done, err := s.Submit(r)
	if err != nil {
		return nil, 0, err
	}
	select {
	case res := <-done:
		return res.Out, res.Took, res.Err
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// OnClose has fn called once the net is closed for good.
func (s *Single) OnClose(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = append(s.after, fn)
}

// Close implements inference.Model.
func (s *Single) Close() error {
	err := s.Batcher.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fn := range slices.Backward(s.after) {
		fn()
	}
	s.after = nil
	return err
}

// boxed is a net with one more dimension before all others, of size 1: a Batcher's batch.
type boxed struct{ m inference.Model }

func (b boxed) Inputs() []inference.TensorInfo  { return box(b.m.Inputs()) }
func (b boxed) Outputs() []inference.TensorInfo { return box(b.m.Outputs()) }
func (b boxed) Close() error                    { return b.m.Close() }

func (b boxed) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	inner := make([]inference.Tensor, len(in))
	for i, t := range in {
		inner[i] = inference.Tensor{Shape: t.Shape[1:], Data: t.Data}
	}
	out, err := b.m.Run(ctx, inner)
	if err != nil {
		return nil, err
	}
	boxes := make([]inference.Tensor, len(out))
	for i, t := range out {
		if n, ok := volume(t.Shape); !ok || n == 0 {
			return nil, fmt.Errorf("output %d has no numbers: its shape is %v", i, t.Shape)
		}
		boxes[i] = inference.Tensor{Shape: append([]int{1}, t.Shape...), Data: t.Data}
	}
	return boxes, nil
}

func box(infos []inference.TensorInfo) []inference.TensorInfo {
	out := slices.Clone(infos)
	for i := range out {
		out[i].Shape = append([]int{1}, out[i].Shape...)
	}
	return out
}

func unboxed(infos []inference.TensorInfo) []inference.TensorInfo {
	out := slices.Clone(infos)
	for i := range out {
		out[i].Shape = out[i].Shape[1:]
	}
	return out
}
