package spoken

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"livedub/inference"
)

// ErrClosed is returned by a Net after Close.
var ErrClosed = errors.New("closed; open a new one")

// few symbols take as long as any text of less.
const few = 8

// Net is a net that speaks. It is safe for concurrent use: requests take turns in
// the order they came.
type Net struct {
	model inference.Model
	turn  chan struct{} // room for the one that the net works for
	pace  atomic.Int64  // ns that a symbol takes, learned; 0: unknown

	once   sync.Once
	closed chan struct{}
	err    error // of Close
}

// NewNet returns a Net of a model, which is the Net's from now on.
func NewNet(m inference.Model) *Net {
	return &Net{model: m, turn: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Run runs the net for a text of so many symbols. It fails with ctx's error, with
// ErrClosed, or with what the model says.
func (n *Net) Run(ctx context.Context, symbols int, in []inference.Tensor) ([]inference.Tensor, error) {
	select {
	case n.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.closed:
		return nil, ErrClosed
	}
	defer func() { <-n.turn }()
	select {
	case <-n.closed:
		return nil, ErrClosed
	default:
	}
	began := time.Now()
	out, err := n.model.Run(ctx, in)
	took := time.Since(began)
	if ctx.Err() != nil {
		n.learn(symbols, took, false)
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err // how soon a net fails tells nothing of how long it speaks
	}
	n.learn(symbols, took, true)
	return out, nil
}

// learn notes how long so many symbols took. Where nobody waited for the end they
// take so long at least, which is news only if it is more than was known.
func (n *Net) learn(symbols int, took time.Duration, whole bool) {
	each, old := int64(took)/int64(max(symbols, few)), n.pace.Load()
	switch {
	case !whole && each <= old:
		return
	case old > 0:
		each = old + (each-old)/4
	}
	n.pace.Store(each)
}

// Estimate returns how long the net will work for a text; 0 where nothing is known yet.
func (n *Net) Estimate(text string) time.Duration {
	return time.Duration(n.pace.Load() * int64(max(utf8.RuneCountInString(text), few)))
}

// Close closes the model, after the run under way.
func (n *Net) Close() error {
	n.once.Do(func() {
		close(n.closed)
		n.turn <- struct{}{}
		n.err = n.model.Close()
	})
	return n.err
}
