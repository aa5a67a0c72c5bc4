package onnx

import "errors"

// mostSessions bounds the sessions of one net; batches of further sizes share one of them.
const mostSessions = 16

// batches are a net's sessions. On the CPU one runs all batches. On a GPU each
// size of batch has its own: there a session plans for one shape, and a change
// costs it as much as dozens of runs (BENCHMARKS.md has the figures).
type batches struct {
	open func() (*session, error)
	each bool             // size has its own session
	auto bool             // session.auto, of all
	all  map[int]*session // by size; 0 for all sizes
}

// of returns the session that runs batches of n.
func (b *batches) of(n int) (*session, error) {
	if !b.each {
		n = 0
	}
	s := b.all[n]
	if s != nil {
		return s, nil
	}
	if len(b.all) >= mostSessions {
		for _, s = range b.all {
			return s, nil
		}
	}
	s, err := b.open()
	if err != nil {
		return nil, err
	}
	s.auto = b.auto
	b.all[n] = s
	return s, nil
}

func (b *batches) close() error {
	var errs []error
	for _, s := range b.all {
		errs = append(errs, s.close())
	}
	clear(b.all)
	return errors.Join(errs...)
}
