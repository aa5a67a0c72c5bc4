package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// mostTold is how many bytes another node may tell of a session.
const mostTold = 1 << 20

// Bring has this node hold a session in which somebody wants to publish here, by a
// protocol that no gateway forwards. Where another node holds it, may says whether who
// asks may publish in it; if so, and nobody publishes there, it is opened here from what
// is kept of it, and whoever watches it there is let go, and finds it here. It fails
// with ErrBusy where somebody publishes there. A session that nobody holds is left so.
func (m *Member) Bring(ctx context.Context, id string, may func(signaling.Info) bool) error {
	if m.Fence(id) > 0 || cluster.CheckID(id) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*askTime)
	defer cancel()
	c, err := m.cfg.Registry.Find(ctx, id)
	switch {
	case errors.Is(err, cluster.ErrUnknown):
		return nil
	case err != nil:
		return unheld(err)
	case c.Node == m.id && c.Boot == m.boot:
		return signaling.ErrBusy.Errorf("session %s: it is just being made", id)
	}
	if !c.Lost {
		info, err := m.look(ctx, c)
		switch {
		case err != nil:
			return &signaling.Error{Kind: signaling.ErrBadNode, Message: fmt.Sprintf("the node that has the session does not tell of it: %v", err), Hint: "try again"}
		case !may(info):
			return nil
		case info.State == "live":
			return signaling.ErrBusy.Errorf("session %s: a live publisher is there already, at another node", id)
		}
	} else if !may(signaling.Info{ID: id}) { // whose epoch nobody can tell: capabilities of it wait for a gateway to move it
		return nil
	}
	to, err := m.cfg.Registry.Move(ctx, cluster.Ask{Session: id, Cost: c.Cost, To: cluster.Holder{Node: m.id, Boot: m.boot}}, c.Fence)
	switch {
	case errors.Is(err, cluster.ErrUnknown):
		return nil
	case errors.Is(err, cluster.ErrStale):
		return signaling.ErrBusy.Errorf("session %s: another node has just taken it", id)
	case err != nil:
		return unheld(err)
	}
	return m.Take(ctx, to, func(ctx context.Context) error { return m.reopen(ctx, id) })
}

// look asks the node of a claim for the session.
func (m *Member) look(ctx context.Context, c cluster.Claim) (info signaling.Info, err error) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Addr+"/v1/sessions/"+url.PathEscape(c.Session), nil)
	if err != nil {
		return info, err
	}
	p := signaling.Pass{Node: c.Node, Boot: c.Boot, Session: c.Session, Fence: int64(c.Fence), Cost: c.Cost, Operator: true}
	r.Header.Set(signaling.PassHeader, m.key.Seal(p, r.Method, r.URL.RequestURI(), time.Now()))
	a, err := m.others.RoundTrip(r)
	if err != nil {
		return info, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK || a.Header.Get(signaling.NodeHeader) != p.Answerer() {
		return info, fmt.Errorf("it answers %s", a.Status)
	}
	var told struct{ ID, Epoch, State string } // the rest is not written as it is read
	err = json.NewDecoder(io.LimitReader(a.Body, mostTold)).Decode(&told)
	return signaling.Info{ID: told.ID, Epoch: told.Epoch, State: told.State}, err
}

// Found finds a new session a place and opens it here, by open as in Claim: for who
// publishes by a protocol that no gateway forwards, and is here already.
func (m *Member) Found(ctx context.Context, a cluster.Ask, open func() (kept []byte, err error)) error {
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	c, err := m.cfg.Registry.Place(asking, a)
	switch {
	case errors.Is(err, cluster.ErrClaimed):
		return signaling.ErrBusy.Errorf("session %s: another node has just taken it", a.Session)
	case errors.Is(err, cluster.ErrAsk):
		return signaling.ErrBadRequest.Because(err)
	case err != nil:
		return unheld(err)
	}
	if c.Node != m.id || c.Boot != m.boot {
		a.To = cluster.Holder{Node: m.id, Boot: m.boot}
		to, err := m.cfg.Registry.Move(asking, a, c.Fence)
		if err != nil {
			m.giveBack(c)
			return unheld(err)
		}
		c = to
	}
	if err = m.take(ctx, c, open); err != nil {
		m.giveBack(c)
	}
	return err
}

// giveBack ends the claim of a session that was not opened. Unless that is told the
// registry ends it by itself, for nobody confirms it.
func (m *Member) giveBack(c cluster.Claim) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	if err := m.cfg.Registry.Release(ctx, c.Session, c.Fence); err != nil && !errors.Is(err, cluster.ErrStale) {
		m.log.Debug("claim not given back", "session", c.Session, "err", err)
	}
}
