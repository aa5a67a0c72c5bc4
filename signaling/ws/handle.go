package ws

import (
	"context"

	"livedub/signaling"
)

// handle does what a message asks for.
func (c *conn) handle(m incoming) error {
	switch m.Type {
	case typePing:
		c.post(item{message: outgoing{Type: typePong}})
		return nil
	case typeCandidate:
		return c.candidate(*m.Candidate)
	case typeEvents:
		return c.listen(m)
	}
	return c.offer(m)
}

// candidate passes one on. A bad one, or one too many, is left out, not refused: the others may connect.
func (c *conn) candidate(s string) error {
	if c.peer == nil {
		return errNoPeer
	}
	if err := c.peer.AddCandidate(s); err != nil {
		c.log.Debug("candidate left out", "err", err)
	}
	return nil
}

// offer answers publish and view.
func (c *conn) offer(m incoming) error {
	if c.peer != nil {
		return signaling.ErrBadRequest.Errorf("this connection has its peer: open another one for another")
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.times.Answer)
	defer cancel()
	defer context.AfterFunc(c.server.gate.Context(), cancel)()
	came, err := c.connect(ctx, m)
	switch {
	case err != nil && c.server.gate.Context().Err() != nil:
		return signaling.ErrClosing
	case err != nil:
		return err
	}
	c.peer = came.Peer
	bound, stop := came.Grant.Bound(c.ctx)
	c.unbind = stop
	c.peers <- joined{came.Peer, bound}
	c.post(item{message: outgoing{Type: typeAnswer, Session: m.Session, Lang: m.Lang, SDP: came.Answer, ICEServers: c.server.cfg.ICEServers.For(m.Session)}})
	c.follow(m.Session)
	c.log.Info("peer connected", "type", m.Type, "session", m.Session, "lang", m.Lang)
	return nil
}

// consent tells whether the speaker of a session that is created has consented: where
// nothing is said, if it is the operator who speaks.
func (c *conn) consent(said *bool) bool {
	if said == nil {
		return c.who.Here()
	}
	return *said
}

func (c *conn) connect(ctx context.Context, m incoming) (signaling.Joined, error) {
	sessions := c.server.cfg.Sessions
	if m.Type == typeView {
		return signaling.View(ctx, sessions, c.who, m.Session, m.Lang, m.SDP)
	}
	return signaling.Publish(ctx, sessions, c.who, signaling.Request{
		ID: m.Session, From: m.From, To: m.To, Profile: m.Profile, DelayMS: m.DelayMS, Consent: c.consent(m.Consent), Badge: m.Badge,
	}, m.SDP)
}
