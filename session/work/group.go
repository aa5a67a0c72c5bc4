package work

import (
	"context"
	"sync"

	"livedub/internal/guard"
)

// Group runs the goroutines of one session and waits for them. The first error
// stops the others; a panic is an error.
type Group struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

func NewGroup(ctx context.Context) *Group {
	ctx, cancel := context.WithCancel(ctx)
	return &Group{ctx: ctx, cancel: cancel}
}

func (g *Group) Run(name string, fn func(context.Context) error) {
	g.wg.Go(func() {
		if err := guard.Do(name, func() error { return fn(g.ctx) }); err != nil {
			g.Fail(err)
		}
	})
}

// Fail stops all for the reason given.
func (g *Group) Fail(err error) {
	g.once.Do(func() { g.err = err })
	g.cancel()
}

// Context returns what ends with the first failure.
func (g *Group) Context() context.Context { return g.ctx }

// Err returns the first failure; it may be asked once Context has ended.
func (g *Group) Err() error { return g.err }

// Wait returns once all have ended, with the first error.
func (g *Group) Wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}
