package engine

import (
	"fmt"
	"sync"

	"livedub/inference"
)

// gate is where requests come in. It is all that who asks shares with the batcher.
type gate struct {
	mu       sync.Mutex
	state    State
	incoming []*request     // that the batcher has not taken yet
	waiting  map[string]int // of each session, until they are run or answered
	total    int
	refused  refusals
}

// refusals count requests that did not get in.
type refusals struct{ busy, share, gone uint64 }

func newGate() *gate { return &gate{state: Warming, waiting: map[string]int{}} }

// admit lets a request in, or says why not: an answer, where the net is not
// there, or an error, where too many wait.
func (g *gate) admit(r *request, c *Config) (answer, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.state != Ready:
		g.refused.gone++
		return fmt.Errorf("engine: %s: %s: %w", c.Name, g.state, inference.ErrModelGone), nil
	case g.total >= c.Queue:
		g.refused.busy++
		return nil, fmt.Errorf("engine: %s: %d requests wait: %w", c.Name, c.Queue, inference.ErrModelBusy)
	case g.waiting[r.Session] >= c.PerSession:
		g.refused.share++
		return nil, fmt.Errorf("engine: %s: %d requests of this session wait: %w", c.Name, c.PerSession, inference.ErrModelBusy)
	}
	g.incoming = append(g.incoming, r)
	g.count(r, 1)
	return nil, nil
}

// count counts requests that begin or cease to wait; g.mu is held.
func (g *gate) count(r *request, n int) {
	g.total += n
	if g.waiting[r.Session] += n; g.waiting[r.Session] == 0 {
		delete(g.waiting, r.Session)
	}
}

// take returns what has come in since.
func (g *gate) take() []*request {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.incoming
	g.incoming = nil
	return in
}

// left tells that requests wait no more.
func (g *gate) left(rs ...*request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range rs {
		g.count(r, -1)
	}
}

// back tells that requests wait again.
func (g *gate) back(rs ...*request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range rs {
		g.count(r, 1)
	}
}

// set changes the state; Closed is the last.
func (g *gate) set(s State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != Closed {
		g.state = s
	}
}

func (g *gate) read() (s State, depth int, r refusals) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.total, g.refused
}
