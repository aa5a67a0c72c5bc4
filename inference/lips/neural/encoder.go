package neural

import (
	"errors"
	"fmt"
	"sync"

	"livedub/inference"
)

// encoder makes the features of sound that a net wants, by a queue of its own.
type encoder struct {
	queue   inference.ModelQueue
	samples int   // that it hears, at 16 kHz
	before  int   // of these, before the frame
	out     []int // shape of what it gives
	wg      sync.WaitGroup
}

// longest is how much sound an encoder may want: 3 s.
const longest = 3 * melRate

func newEncoder(e *Encoder, q inference.ModelQueue) (*encoder, error) {
	in, out := q.Inputs(), q.Outputs()
	if len(in) != 1 || len(in[0].Shape) != 2 || len(out) == 0 || len(out[0].Shape) != 3 {
		return nil, errors.New("it takes [N,L], samples at 16 kHz, and gives [N,T,D]")
	}
	n := in[0].Shape[1]
	if n < 1 || n > longest {
		return nil, fmt.Errorf("it takes %d samples: export it for a fixed number of at most %d", n, longest)
	}
	c := &encoder{queue: q, samples: n, before: n / 2, out: out[0].Shape}
	if e.Before != nil {
		c.before = *e.Before * melRate / 1000
	}
	return c, nil
}

// first encodes wave, then asks next for r with that as its input i. Both have r's deadline.
func (c *encoder) first(r inference.ModelRequest, i int, wave []float32, next inference.ModelQueue) (<-chan inference.ModelResult, error) {
	heard, err := c.queue.Submit(inference.ModelRequest{Session: r.Session, Deadline: r.Deadline, In: []inference.Tensor{{Shape: []int{len(wave)}, Data: wave}}})
	if err != nil {
		return nil, err
	}
	result := make(chan inference.ModelResult, 1)
	c.wg.Go(func() { // ends with the answers, which the queues owe
		a := <-heard
		if a.Err != nil {
			result <- inference.ModelResult{Err: a.Err}
			return
		}
		r.In[i] = a.Out[0]
		made, err := next.Submit(r)
		if err != nil {
			result <- inference.ModelResult{Err: err}
			return
		}
		result <- <-made
	})
	return result, nil
}
