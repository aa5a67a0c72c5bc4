package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"livedub/inference"
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
func (l *Loop) serve(first chan<- error) {
	m, err := l.open()
	first <- err
	if err != nil {
		return
	}
	pause := firstPause
	for {
		select {
		case <-l.ctx.Done():
			l.shut(m)
			return
		case b := <-l.jobs:
			o := l.run(m, b)
			if o.err == nil {
				pause = firstPause
			}
			if o.gone {
				l.shut(m)
			}
			select {
			case l.outcomes <- o:
			case <-l.ctx.Done():
			}
			if o.gone {
				if m = l.reopen(&pause); m == nil {
					return
				}
			}
		}
	}
}

// reopen opens the net until that works; nil when the Loop is closed.
func (l *Loop) reopen(pause *time.Duration) inference.Model {
	for {
		select {
		case <-l.ctx.Done():
			return nil
		case <-time.After(*pause):
		}
		*pause = min(2**pause, longPause)
		m, err := l.open()
		if err == nil {
			return m
		}
		if l.ctx.Err() == nil {
			l.set(Lost)
			l.c.Log.Warn("a lost net cannot be opened", "net", l.c.Name, "error", err, "again_in", *pause)
		}
	}
}

// open opens and warms the net, and tells the batcher.
func (l *Loop) open() (inference.Model, error) {
	l.set(Warming)
	var m inference.Model
	err := guard(func() (err error) {
		m, err = l.c.Open(l.ctx)
		return err
	})
	if err == nil && m == nil {
		err = errors.New("it opened to nothing")
	}
	if err != nil {
		return nil, err
	}
	var s *speeds
	err = guard(func() error {
		if err := l.agree(m); err != nil {
			return err
		}
		s, err = l.warm(m)
		return err
	})
	if err == nil {
		err = l.ctx.Err()
	}
	if err != nil {
		l.shut(m)
		return nil, err
	}
	l.opened <- s // the one before was taken: requests were run since
	return m, nil
}

// agree takes the net's inputs and outputs; one that is opened anew must have the same.
func (l *Loop) agree(m inference.Model) error {
	in, out := m.Inputs(), m.Outputs()
	if l.inputs == nil {
		for _, t := range slices.Concat(in, out) {
			if len(t.Shape) == 0 {
				return fmt.Errorf("%s has no dimension for the batch: export the net with one", t.Name)
			}
		}
		if len(in) == 0 || len(out) == 0 {
			return fmt.Errorf("the net has %d inputs and %d outputs: it needs one of each", len(in), len(out))
		}
		l.inputs, l.outputs = in, out
		return l.fixed()
	}
	same := func(a, b inference.TensorInfo) bool { return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) }
	if !slices.EqualFunc(in, l.inputs, same) || !slices.EqualFunc(out, l.outputs, same) {
		return errors.New("it is another net now: start anew to use it")
	}
	return nil
}

// fixed has a net that takes one size of batch only run with that.
func (l *Loop) fixed() error {
	for _, t := range l.inputs {
		n := t.Shape[0]
		if n < 0 {
			continue
		}
		if n < 1 || n > l.c.MaxBatch {
			return fmt.Errorf("input %s takes batches of %d only: at most %d are allowed here", t.Name, n, l.c.MaxBatch)
		}
		l.c.Buckets = []int{n}
	}
	return nil
}

// run runs one batch.
func (l *Loop) run(m inference.Model, b *batch) (o outcome) {
	o.out, o.took, o.err = l.call(m, b.in, b.bucket, l.c.TimeLimit)
	l.mu.Lock()
	smallest := b.bucket == l.speeds.all[0].size
	l.mu.Unlock()
	o.gone = o.err != nil && (errors.Is(o.err, inference.ErrModelGone) || errors.Is(o.err, context.DeadlineExceeded) ||
		smallest && errors.Is(o.err, inference.ErrModelMemory))
	return o
}

// call runs the net once, for at most the limit if it obeys its context.
func (l *Loop) call(m inference.Model, in []inference.Tensor, bucket int, limit time.Duration) (out []inference.Tensor, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, limit)
	defer cancel()
	began := time.Now()
	err = guard(func() (err error) {
		out, err = m.Run(ctx, in)
		return err
	})
	took = time.Since(began)
	if err == nil {
		err = checkOut(l.outputs, out, bucket)
	}
	return out, took, err
}

// shut closes a net, whatever state it is in.
func (l *Loop) shut(m inference.Model) {
	if err := guard(m.Close); err != nil {
		l.c.Log.Warn("a net did not close well", "net", l.c.Name, "error", err)
	}
}

func (l *Loop) set(s State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != Closed {
		l.state = s
	}
}

// guard makes a panic of f the loss of the net.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", inference.ErrModelGone, p, debug.Stack())
		}
	}()
	return f()
}
