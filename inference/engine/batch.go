package engine

import (
	"fmt"
	"math"
	"slices"
	"time"

	"livedub/inference"
)

// batch is what the device runs at once. While it runs, its tensors are the device's.
type batch struct {
	bucket  int        // items that the net sees
	items   []*request // at most bucket
	in      []inference.Tensor
	filled  int  // items whose numbers are in the buffers
	least   bool // no bucket is smaller
	buf     *buffers
	started time.Time
}

// buffers are the numbers of a batch, one for each input; they grow to the largest used.
type buffers struct{ data [][]float32 }

// answer calls f for those that have no answer yet, and returns how many of them still have none.
func (b *batch) answer(f func(*request)) (left int) {
	for _, r := range b.items {
		if !r.answered {
			if f(r); !r.answered {
				left++
			}
		}
	}
	return left
}

// due returns when the earliest of its items is. It may be called while the batch runs.
func (b *batch) due() time.Time {
	at := b.items[0].due()
	for _, r := range b.items[1:] {
		if d := r.due(); d.Before(at) {
			at = d
		}
	}
	return at
}

// next returns the earliest deadline of those that have no answer yet.
func (b *batch) next(now time.Time) time.Time {
	at := now.Add(time.Minute)
	b.answer(func(r *request) {
		if !r.Deadline.IsZero() && r.Deadline.Before(at) {
			at = r.Deadline
		}
	})
	return at
}

// fail answers a request with an error, unless it has its answer.
func (br *Batcher) fail(r *request, err error) { br.reply(r, inference.ModelResult{Err: err}) }

// reply answers a request, unless it has its answer. It is handed out by show.
func (br *Batcher) reply(r *request, res inference.ModelResult) {
	if !r.answered {
		r.answered, r.result = true, res
		br.answers = append(br.answers, r)
	}
}

// free gives back a batch's buffers.
func (br *Batcher) free(b *batch) {
	if b.buf != nil && len(br.spare) < 2 {
		br.spare = append(br.spare, b.buf)
	}
	b.buf = nil
}

// assemble makes the batch's tensors of those of its items that are not in it yet.
// A single item that needs no padding is run where it lies.
func (br *Batcher) assemble(b *batch) {
	first := b.items[0].In
	if b.bucket == 1 {
		b.in = make([]inference.Tensor, len(first))
		for i, t := range first {
			b.in[i] = inference.Tensor{Shape: append([]int{1}, t.Shape...), Data: t.Data}
		}
		b.filled = 1
		return
	}
	began, copied := time.Now(), len(b.items)-b.filled
	if b.buf == nil {
		if n := len(br.spare); n > 0 {
			b.buf, br.spare = br.spare[n-1], br.spare[:n-1]
		} else {
			b.buf = &buffers{data: make([][]float32, len(first))}
		}
	}
	b.in = b.in[:0]
	for i, t := range first {
		n := len(t.Data)
		if cap(b.buf.data[i]) < n*b.bucket {
			b.buf.data[i] = make([]float32, n*b.bucket)
		}
		data := b.buf.data[i][:n*b.bucket]
		for j := b.filled; j < len(b.items); j++ {
			copy(data[j*n:(j+1)*n], b.items[j].In[i].Data)
		}
		clear(data[len(b.items)*n:]) // nobody's numbers
		b.in = append(b.in, inference.Tensor{Shape: append([]int{b.bucket}, t.Shape...), Data: data})
	}
	b.filled = len(b.items)
	if copied > 0 {
		br.copying += (time.Since(began)/time.Duration(copied) - br.copying) / 4
	}
}

// deliver hands each item its part of the outputs; nobody else holds it.
func (br *Batcher) deliver(b *batch, o outcome, now time.Time) {
	out := o.out
	for j, r := range b.items {
		if r.answered {
			continue
		}
		if r.lateBy(now) {
			br.stats.missed++
			br.fail(r, br.missed())
			continue
		}
		own := make([]inference.Tensor, len(out))
		fine := true
		for i, t := range out {
			n := len(t.Data) / b.bucket
			own[i] = inference.Tensor{Shape: append([]int{}, t.Shape[1:]...), Data: t.Data[j*n : (j+1)*n : (j+1)*n]}
			fine = fine && finite(own[i].Data)
		}
		if !fine {
			br.stats.numbers++
			br.fail(r, fmt.Errorf("engine: %s: %w", br.c.Name, ErrNumbers))
			continue
		}
		br.reply(r, inference.ModelResult{Out: own, Took: o.took})
	}
}

func finite(x []float32) bool {
	const exponent = 0x7f800000
	for _, v := range x {
		if math.Float32bits(v)&exponent == exponent {
			return false
		}
	}
	return true
}

// checkItem tells whether an item is what the net takes.
func checkItem(want []inference.TensorInfo, in []inference.Tensor) error {
	if len(in) != len(want) {
		return fmt.Errorf("%d tensors for %d inputs", len(in), len(want))
	}
	for i, t := range in {
		w := want[i]
		fits := len(t.Shape) == len(w.Shape)-1
		for d := 0; fits && d < len(t.Shape); d++ {
			fits = t.Shape[d] > 0 && (w.Shape[d+1] < 0 || t.Shape[d] == w.Shape[d+1])
		}
		if !fits {
			return fmt.Errorf("input %s is of shape %v: the net takes %v of each item", w.Name, t.Shape, w.Shape[1:])
		}
		if n, ok := volume(t.Shape); !ok || n != len(t.Data) {
			return fmt.Errorf("input %s has %d numbers, which is not its shape %v", w.Name, len(t.Data), t.Shape)
		}
	}
	return nil
}

// checkOut tells whether a net gave a batch of what it says it gives; of one that
// varies, whatever its sizes are: not every file tells them.
func checkOut(want []inference.TensorInfo, out []inference.Tensor, bucket int, varies bool) error {
	if len(out) != len(want) {
		return fmt.Errorf("the net gave %d tensors for its %d outputs", len(out), len(want))
	}
	for i, t := range out {
		fits := len(t.Shape) > 0 && t.Shape[0] == bucket && (varies || len(t.Shape) == len(want[i].Shape))
		for d := 1; fits && !varies && d < len(t.Shape); d++ {
			fits = want[i].Shape[d] < 0 || want[i].Shape[d] == t.Shape[d]
		}
		if !fits {
			return fmt.Errorf("output %s is of shape %v for a batch of %d: the net promised %v", want[i].Name, t.Shape, bucket, want[i].Shape)
		}
		if n, ok := volume(t.Shape); !ok || n != len(t.Data) {
			return fmt.Errorf("output %s has %d numbers, which is not its shape %v", want[i].Name, len(t.Data), t.Shape)
		}
	}
	return nil
}

// kindOf tells items apart that cannot share a batch; "" where all can.
func kindOf(want []inference.TensorInfo, in []inference.Tensor) string {
	for _, w := range want {
		if slices.Min(append(w.Shape[1:len(w.Shape):len(w.Shape)], 0)) < 0 {
			var b []byte
			for _, t := range in {
				b = fmt.Append(b, t.Shape)
			}
			return string(b)
		}
	}
	return ""
}

// volume multiplies a shape; false beyond what memory holds.
func volume(shape []int) (int, bool) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt32/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}
