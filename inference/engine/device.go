package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"livedub/inference"
	"livedub/internal/guard"
)

const (
	firstPause = time.Second // before a lost net is opened anew
	longPause  = 30 * time.Second
)

// outcome is what came of a batch.
type outcome struct {
	out  []inference.Tensor
	err  error
	gone bool // the net is to be opened anew
	took time.Duration
}

// serve is the device's goroutine: it alone touches the net.
func (br *Batcher) serve(first chan<- error) {
	m, err := br.open()
	first <- err
	if err != nil {
		return
	}
	pause := firstPause
	for {
		select {
		case <-br.ctx.Done():
			br.shut(m)
			return
		case b := <-br.jobs:
			o := br.run(m, b)
			if o.err == nil {
				pause = firstPause
			}
			if o.gone {
				br.shut(m)
			}
			select {
			case br.outcomes <- o:
			case <-br.ctx.Done():
			}
			if o.gone {
				if m = br.reopen(&pause); m == nil {
					return
				}
			}
		}
	}
}

// reopen opens the net until that works; nil when the Batcher is closed.
func (br *Batcher) reopen(pause *time.Duration) inference.Model {
	for {
		select {
		case <-br.ctx.Done():
			return nil
		case <-time.After(*pause):
		}
		*pause = min(2**pause, longPause)
		m, err := br.open()
		if err == nil {
			return m
		}
		if br.ctx.Err() == nil {
			br.gate.set(Lost)
			br.c.Log.Warn("a lost net cannot be opened", "net", br.c.Name, "error", err, "again_in", *pause)
		}
	}
}

// open opens and warms the net, and tells the batcher.
func (br *Batcher) open() (inference.Model, error) {
	br.gate.set(Warming)
	var m inference.Model
	err := guarded(func() (err error) {
		m, err = br.c.Open(br.ctx)
		return err
	})
	if err == nil && m == nil {
		err = errors.New("it opened to nothing")
	}
	if err != nil {
		return nil, err
	}
	var s *speeds
	err = guarded(func() error {
		if err := br.agree(m); err != nil {
			return err
		}
		s, err = br.warm(m)
		return err
	})
	if err == nil {
		err = br.ctx.Err()
	}
	if err != nil {
		br.shut(m)
		return nil, err
	}
	br.opened <- s // the one before was taken: requests were run since
	return m, nil
}

// agree takes the net's inputs and outputs; one that is opened anew must have the same.
func (br *Batcher) agree(m inference.Model) error {
	in, out := m.Inputs(), m.Outputs()
	if br.inputs == nil {
		for _, t := range slices.Concat(in, out) {
			if len(t.Shape) == 0 {
				return fmt.Errorf("%s has no dimension for the batch: export the net with one", t.Name)
			}
		}
		if len(in) == 0 || len(out) == 0 {
			return fmt.Errorf("the net has %d inputs and %d outputs: it needs one of each", len(in), len(out))
		}
		br.inputs, br.outputs = in, out
		return br.fixed()
	}
	same := func(a, b inference.TensorInfo) bool { return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) }
	if !slices.EqualFunc(in, br.inputs, same) || !slices.EqualFunc(out, br.outputs, same) {
		return errors.New("it is another net now: start anew to use it")
	}
	return nil
}

// fixed has a net that takes one size of batch only run with that.
func (br *Batcher) fixed() error {
	for _, t := range br.inputs {
		n := t.Shape[0]
		if n < 0 {
			continue
		}
		if n < 1 || n > br.c.MaxBatch {
			return fmt.Errorf("input %s takes batches of %d only: at most %d are allowed here", t.Name, n, br.c.MaxBatch)
		}
		br.c.Buckets = []int{n}
	}
	return nil
}

// run runs one batch.
func (br *Batcher) run(m inference.Model, b *batch) (o outcome) {
	o.out, o.took, o.err = br.call(m, b.in, b.bucket, br.c.TimeLimit, b.due())
	o.gone = o.err != nil && (errors.Is(o.err, inference.ErrModelGone) || errors.Is(o.err, context.DeadlineExceeded) ||
		b.least && errors.Is(o.err, inference.ErrModelMemory))
	return o
}

// call runs the net once, when it is its turn, for at most the limit if it obeys its context.
func (br *Batcher) call(m inference.Model, in []inference.Tensor, bucket int, limit time.Duration, due time.Time) (out []inference.Tensor, took time.Duration, err error) {
	leave, err := br.c.Device.take(br.ctx, due)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(br.ctx, limit)
	defer cancel()
	began := time.Now()
	err = guarded(func() (err error) {
		out, err = m.Run(ctx, in)
		return err
	})
	took = time.Since(began)
	if err == nil {
		err = checkOut(br.outputs, out, bucket, br.c.varies)
	}
	return out, took, err
}

// shut closes a net, whatever state it is in.
func (br *Batcher) shut(m inference.Model) {
	if err := guarded(m.Close); err != nil {
		br.c.Log.Warn("a net did not close well", "net", br.c.Name, "error", err)
	}
}

// guarded makes a panic of f the loss of the net.
func guarded(f func() error) error {
	err := guard.Do("net", f)
	if p := new(guard.Panic); errors.As(err, &p) {
		return fmt.Errorf("%w: %w", inference.ErrModelGone, err)
	}
	return err
}
