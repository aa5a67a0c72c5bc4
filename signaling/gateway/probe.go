package gateway

import (
	"context"
	"io"
	"net/http"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// doubt probes the node of a request that is not answered for a while, and ends the
// request with errAway where the node is dead.
func (g *Gateway) doubt(ctx context.Context, c cluster.Claim, answered <-chan struct{}, end context.CancelCauseFunc) {
	wait := time.NewTimer(g.cfg.Times.Doubt)
	defer wait.Stop()
	for {
		select {
		case <-answered:
			return
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		if g.dead(ctx, c) && ctx.Err() == nil {
			select {
			case <-answered: // meanwhile
			default:
				end(errAway)
			}
			return
		}
		wait.Reset(g.cfg.Times.Doubt)
	}
}

// dead tells whether a node fails two probes in a row.
func (g *Gateway) dead(ctx context.Context, c cluster.Claim) bool {
	if g.probe(ctx, c) {
		return false
	}
	select {
	case <-time.After(g.cfg.Times.Apart):
	case <-ctx.Done():
		return false
	}
	return !g.probe(ctx, c)
}

// probe tells whether the run of the node that holds a claim answers.
func (g *Gateway) probe(ctx context.Context, c cluster.Claim) (answered bool) {
	defer func() { g.count.probe(answered) }()
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Times.Probe)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Addr+"/healthz", nil)
	if err != nil {
		return false
	}
	p := signaling.Pass{Node: c.Node, Boot: c.Boot}
	r.Header.Set(signaling.PassHeader, g.cfg.Key.Seal(p, r.Method, r.URL.RequestURI(), time.Now()))
	a, err := g.nodes.RoundTrip(r)
	if err != nil {
		return false
	}
	defer a.Body.Close()
	_, _ = io.CopyN(io.Discard, a.Body, 4<<10) // so that the connection can be used again
	return a.StatusCode == http.StatusOK && a.Header.Get(signaling.NodeHeader) == p.Answerer()
}
