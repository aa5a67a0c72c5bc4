package session

import (
	"context"
	"sync"

	"livedub/internal/guard"
)

// group runs the goroutines of one session and waits for them. The first error
// stops the others; a panic is an error.
type group struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

func newGroup(ctx context.Context) *group {
	ctx, cancel := context.WithCancel(ctx)
	return &group{ctx: ctx, cancel: cancel}
}

func (g *group) run(name string, fn func(context.Context) error) {
	g.wg.Go(func() {
		if err := guard.Do(name, func() error { return fn(g.ctx) }); err != nil {
			g.fail(err)
		}
	})
}

// fail stops all for the reason given.
func (g *group) fail(err error) {
	g.once.Do(func() { g.err = err })
	g.cancel()
}

// wait returns once all have ended, with the first error.
func (g *group) wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}
