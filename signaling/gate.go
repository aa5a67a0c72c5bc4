package signaling

import (
	"context"
	"log/slog"
	"sync"

	"livedub/internal/guard"
)

// Gate counts who is inside an endpoint: it bounds how many, and closing it waits
// for all of them. Its methods are safe for concurrent use.
type Gate struct {
	most   int
	what   string
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex // holds Enter and Close apart: nobody joins a group that is waited for
	inside int
	wg     sync.WaitGroup
}

// NewGate returns an open gate for at most so many at a time, 0 for no bound;
// what names them in errors, as "connections".
func NewGate(most int, what string) *Gate {
	g := &Gate{most: most, what: what}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// Enter counts one in, unless the gate is closed (ErrClosing) or crowded
// (ErrFull). Who got in calls Leave once.
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ctx.Err() != nil:
		return ErrClosing
	case g.most > 0 && g.inside >= g.most:
		return ErrFull.Errorf("%d %s are open already", g.inside, g.what)
	}
	g.inside++
	g.wg.Add(1)
	return nil
}

// Leave counts one out.
func (g *Gate) Leave() {
	g.mu.Lock()
	g.inside--
	g.mu.Unlock()
	g.wg.Done()
}

// Context ends when the gate closes: who is inside leaves then.
func (g *Gate) Context() context.Context { return g.ctx }

// Close lets nobody in any more and waits for all who are inside. It may be called more than once.
func (g *Gate) Close() {
	g.mu.Lock()
	g.cancel()
	g.mu.Unlock()
	g.wg.Wait()
}

// Guard runs fn and logs its panic, instead of letting it end the server.
func Guard(log *slog.Logger, what string, fn func()) {
	if err := guard.Do(what, func() error { fn(); return nil }); err != nil {
		log.Error("panic", "err", err)
	}
}
