package member

import (
	"context"
	"net/http"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// tellTime is how long the node before may take to hear that its session has gone.
const tellTime = 2 * time.Second

// tell lets the node that a session was moved away from know, until it hears. It may
// be cut off from the registry, which would tell it, or stand still.
func (m *Member) tell(ctx context.Context, c cluster.Claim, before cluster.Holder) {
	if before.Addr == "" || before.Node == m.id && before.Boot == m.boot {
		return
	}
	tick := time.NewTicker(m.cfg.Rules.WithDefaults().Every)
	defer tick.Stop()
	for m.Fence(c.Session) == int64(c.Fence) && !m.told(ctx, c, before) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// told tells whether the node before, or whatever there is in its place now, has answered.
func (m *Member) told(ctx context.Context, c cluster.Claim, before cluster.Holder) bool {
	p := signaling.Pass{Node: before.Node, Boot: before.Boot, Session: c.Session, Fence: int64(c.Fence), Over: true}
	status, _, err := m.ask(ctx, before.Addr, p)
	return err == nil && status < http.StatusInternalServerError
}

// ask asks another node how it does, in the name of a pass, and returns its answer's
// status and which run of which node has answered.
func (m *Member) ask(ctx context.Context, addr string, p signaling.Pass) (status int, by string, err error) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, addr+"/healthz", nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set(signaling.PassHeader, m.key.Seal(p, r.Method, r.URL.RequestURI(), time.Now()))
	a, err := m.others.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	return a.StatusCode, a.Header.Get(signaling.NodeHeader), a.Body.Close()
}

// over ends a session that another node holds by a higher fence, as that node tells.
func (m *Member) over(p signaling.Pass) {
	m.mu.Lock()
	c := m.held[p.Session]
	m.mu.Unlock()
	if c.Fence > 0 && int64(c.Fence) < p.Fence {
		m.stale(c)
	}
}
