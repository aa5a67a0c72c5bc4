package member

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

const (
	linkPath = "/v1/link" // of nodes only: gateways forward nothing to it
	linkName = "livedub-link"
	dialTime = 2 * time.Second // to reach another node, and for its answer

	probesApart = 200 * time.Millisecond
)

// HandOver finds another node for a session that this one carries, and returns its
// claim there. This node goes on carrying the session, which is its own no longer:
// no heartbeat ends it. Called again it finds yet another one; refused tells that the
// last did not take it. Where that fails all is as it was. Whoever was faster counts.
func (m *Member) HandOver(ctx context.Context, id string, refused bool) (cluster.Claim, error) {
	m.mu.Lock()
	from, held := m.held[id]
	if !held {
		from = m.gone[id]
	}
	if from.Session == "" {
		m.mu.Unlock()
		return from, fmt.Errorf("session %s: %w", id, cluster.ErrUnknown)
	}
	delete(m.held, id) // before it is moved: a heartbeat would end it otherwise
	m.gone[id] = from
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	to, err := m.cfg.Registry.Move(ctx, cluster.Ask{Session: id, Cost: from.Cost, Refused: refused}, from.Fence)
	if errors.Is(err, cluster.ErrStale) && to.Node != "" {
		err = nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch _, goes := m.gone[id]; {
	case !goes: // it has ended meanwhile: its place there ends unconfirmed
		if err != nil && held && !m.leaving {
			m.done[id] = from
		}
		return to, fmt.Errorf("session %s: %w", id, cluster.ErrUnknown)
	case err == nil && to.Node == m.id && to.Boot == m.boot:
		delete(m.gone, id)
		m.held[id] = to
		return to, fmt.Errorf("session %s: %w: it came back here", id, cluster.ErrStale)
	case err == nil:
		m.gone[id] = to
	case held:
		delete(m.gone, id)
		m.held[id] = from
	}
	return to, err
}

// TakeBack makes a session this node's again that it has gone on carrying, where no
// other node took it.
func (m *Member) TakeBack(ctx context.Context, id string) error {
	m.mu.Lock()
	c, ok := m.gone[id]
	m.mu.Unlock()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	self := cluster.Holder{Node: m.id, Boot: m.boot}
	back, err := m.cfg.Registry.Move(ctx, cluster.Ask{Session: id, Cost: c.Cost, To: self}, c.Fence)
	if err == nil {
		err = m.hold(ctx, back)
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.gone[id]; ok {
		delete(m.gone, id)
		m.held[id] = back
	} else if !m.leaving { // it has ended meanwhile
		m.done[id] = back
	}
	return nil
}

// Gone tells whether the node that a session was handed over to is dead: it answers
// neither of two probes, as gateways judge it.
func (m *Member) Gone(ctx context.Context, id string) bool {
	m.mu.Lock()
	c, ok := m.gone[id]
	m.mu.Unlock()
	if !ok || m.answers(ctx, c) {
		return false
	}
	select {
	case <-time.After(probesApart):
	case <-ctx.Done():
		return false
	}
	return !m.answers(ctx, c)
}

// answers tells whether the run of the node of a claim answers.
func (m *Member) answers(ctx context.Context, c cluster.Claim) bool {
	p := signaling.Pass{Node: c.Node, Boot: c.Boot}
	status, by, err := m.ask(ctx, c.Addr, p)
	return err == nil && status == http.StatusOK && by == p.Answerer()
}

// Over tells whether the registry says that nobody holds a session.
func (m *Member) Over(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := m.cfg.Registry.Find(ctx, id)
	return errors.Is(err, cluster.ErrUnknown)
}

// Elsewhere tells whether another run of a node holds a session, which may go on with
// it: by the registry, also where that run is lost.
func (m *Member) Elsewhere(ctx context.Context, id string) (bool, error) {
	c, err := m.cfg.Registry.Find(ctx, id)
	switch {
	case errors.Is(err, cluster.ErrUnknown):
		return false, nil
	case err != nil:
		return false, err
	}
	return c.Node != m.cfg.Self().ID || c.Boot != m.cfg.Self().Boot, nil
}

// Dial opens a connection to the node of a claim, for a link. Requests and secret of
// the cluster lead to the right run of the right node; the link itself proves more.
func (m *Member) Dial(ctx context.Context, c cluster.Claim) (net.Conn, error) {
	to, err := url.Parse(c.Addr)
	if err != nil || to.Host == "" {
		return nil, fmt.Errorf("node %s has no address", c.Node)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := dial(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := m.upgrade(ctx, conn, c); err != nil {
		return nil, errors.Join(fmt.Errorf("node %s: %w", c.Node, err), conn.Close())
	}
	return conn, nil
}

func dial(ctx context.Context, to *url.URL) (net.Conn, error) {
	addr := to.Host
	if to.Port() == "" {
		addr = net.JoinHostPort(to.Hostname(), map[string]string{"http": "80", "https": "443"}[to.Scheme])
	}
	if to.Scheme == "https" {
		return (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", addr)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// upgrade asks for the link and reads the answer.
func (m *Member) upgrade(ctx context.Context, conn net.Conn, c cluster.Claim) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Addr+linkPath, nil)
	if err != nil {
		return err
	}
	p := signaling.Pass{Node: c.Node, Boot: c.Boot, Session: c.Session, Fence: int64(c.Fence), Cost: c.Cost}
	r.Header.Set(signaling.PassHeader, m.key.Seal(p, r.Method, r.URL.RequestURI(), time.Now()))
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", linkName)
	_ = conn.SetDeadline(time.Now().Add(dialTime)) // fails with what follows
	if err := r.Write(conn); err != nil {
		return err
	}
	in := bufio.NewReaderSize(conn, 4<<10)
	a, err := http.ReadResponse(in, r)
	if err != nil {
		return err
	}
	a.Body.Close()
	switch {
	case a.StatusCode != http.StatusSwitchingProtocols || a.Header.Get(signaling.NodeHeader) != p.Answerer():
		return fmt.Errorf("it answers %s to a link", a.Status)
	case in.Buffered() > 0:
		return errors.New("it speaks first on a link")
	}
	return conn.SetDeadline(time.Time{})
}

// link hands the connection of a request for a link over.
func (m *Member) link(w http.ResponseWriter, r *http.Request, p signaling.Pass) error {
	if m.cfg.Link == nil || r.Header.Get("Upgrade") != linkName || p.Session == "" || p.Fence <= 0 {
		return &signaling.Error{Kind: signaling.ErrNotFound, Message: "there is no link here", Hint: "nodes of a cluster make links to each other"}
	}
	conn, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(dialTime)) // fails with the write
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n\r\n",
		linkName, signaling.NodeHeader, signaling.Pass{Node: m.id, Boot: m.boot}.Answerer())
	if err != nil || in.Reader.Buffered() > 0 || conn.SetDeadline(time.Time{}) != nil {
		conn.Close()
		return nil //nolint:nilerr // the other node has gone, or is none: nobody to tell
	}
	m.cfg.Link(r.Context(), conn, cluster.Claim{Session: p.Session, Node: m.id, Boot: m.boot, Fence: cluster.Fence(p.Fence), Cost: p.Cost})
	return nil
}
