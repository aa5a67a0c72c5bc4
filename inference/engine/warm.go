package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"livedub/inference"
)

const (
	warmLimit = time.Minute            // devices make plans in their first runs
	warmRuns  = 3                      // that are measured, of each bucket
	warmTime  = 300 * time.Millisecond // after which no further one is
)

// warm runs every bucket and measures it. What the device has no memory or no
// speed for is left out, but for the smallest.
func (br *Batcher) warm(m inference.Model) (*speeds, error) {
	if br.c.Example != nil {
		if err := checkItem(br.inputs, br.c.Example); err != nil {
			return nil, fmt.Errorf("Config.Example: %w", err)
		}
	}
	s := &speeds{}
	for i, size := range br.c.Buckets {
		br.c.Progress(fmt.Sprintf("%s: warming batches of %d", br.c.Name, size))
		runs, err := br.measure(m, size)
		if errors.Is(err, inference.ErrModelMemory) && i > 0 {
			br.c.Log.Warn("no memory for a batch: smaller ones are used", "net", br.c.Name, "failed", size, "error", err)
			break
		}
		if err != nil {
			return nil, fmt.Errorf("a first batch of %d: %w", size, err)
		}
		if br.c.varies {
			runs = []time.Duration{0} // says nothing of others
		}
		b := newSpeed(size, runs, time.Now())
		if i > 0 && b.floor > br.c.LongestRun {
			br.c.Log.Info("larger batches take too long here", "net", br.c.Name, "batch", size, "took", b.floor)
			break
		}
		s.all = append(s.all, b)
	}
	return s, nil
}

// measure returns the times of batches of zeros, or of the example. The first run, in which devices make plans, counts only if it is so long that no other follows.
func (br *Batcher) measure(m inference.Model, size int) ([]time.Duration, error) {
	b := &batch{bucket: size}
	item := br.example()
	for range size {
		b.items = append(b.items, &request{ModelRequest: inference.ModelRequest{In: item}})
	}
	b.buf = &buffers{data: make([][]float32, len(item))}
	br.assemble(b)
	var times []time.Duration
	began := time.Now()
	for n := 0; n <= warmRuns; n++ {
		_, took, err := br.call(m, b.in, size, max(br.c.TimeLimit, warmLimit), time.Now().Add(patience))
		if err != nil {
			return nil, err
		}
		times = append(times, took)
		if time.Since(began) > warmTime && took > warmTime/warmRuns {
			break
		}
	}
	if len(times) > 1 {
		times = times[1:]
	}
	return times, nil
}

// example returns an item that fits the net.
func (br *Batcher) example() []inference.Tensor {
	if br.c.Example != nil {
		return br.c.Example
	}
	var item []inference.Tensor
	for _, t := range br.inputs {
		shape := slices.Clone(t.Shape[1:])
		n := 1
		for i, d := range shape {
			if d < 0 {
				shape[i] = 1
			}
			n *= shape[i]
		}
		item = append(item, inference.Tensor{Shape: shape, Data: make([]float32, n)})
	}
	return item
}
