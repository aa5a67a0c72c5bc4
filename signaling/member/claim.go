package member

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"livedub/cluster"
	"livedub/signaling"
)

// Claim opens a new session for which a gateway has found a place here. open
// returns what another node needs to open it again. The claim is confirmed before
// the session counts; where that fails, the session is ended.
func (m *Member) Claim(ctx context.Context, id string, open func() (kept []byte, err error)) error {
	p, ok := signaling.PassOf(ctx)
	if !ok || !p.Create || p.Session != id {
		return &signaling.Error{
			Kind: signaling.ErrMisdirected, Message: "this node belongs to a cluster: sessions are created at its gateways",
			Hint: "ask a gateway, or start a server without cluster.url",
		}
	}
	return m.take(ctx, cluster.Claim{Session: p.Session, Fence: cluster.Fence(p.Fence), Cost: p.Cost}, open)
}

// take opens a session and confirms its claim. kept is nil where somebody else keeps it.
func (m *Member) take(ctx context.Context, c cluster.Claim, open func() (kept []byte, err error)) error {
	if m.Away() {
		return unheld(cluster.ErrUnavailable)
	}
	if have := m.Fence(c.Session); have >= int64(c.Fence) {
		return signaling.ErrExists
	} else if have > 0 { // it had gone elsewhere and ended there, and nobody has told this node yet
		m.stale(cluster.Claim{Session: c.Session, Fence: cluster.Fence(have)})
	}
	m.mu.Lock()
	if m.held[c.Session].Fence > 0 { // meanwhile
		m.mu.Unlock()
		return signaling.ErrExists
	}
	m.held[c.Session] = c
	m.mu.Unlock()
	kept, err := open()
	if err != nil {
		m.drop(c)
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime) // it is there, whether its maker waits or not
	defer cancel()
	err = m.hold(ctx, c)
	if err == nil && kept != nil {
		err = m.Replace(ctx, c.Session, kept)
	}
	if err != nil {
		m.drop(c)
		m.cfg.Sessions.End(c.Session)
		return unheld(err)
	}
	m.mu.Lock()
	over := m.held[c.Session].Fence != c.Fence && !m.leaving // it has ended meanwhile
	if over {
		m.done[c.Session] = c
	}
	m.mu.Unlock()
	if over {
		m.release(ctx)
	}
	return nil
}

// drop forgets a claim that this node does not take.
func (m *Member) drop(c cluster.Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[c.Session].Fence == c.Fence {
		delete(m.held, c.Session)
	}
}

// Append adds a part to what is kept of a session that is held here, with its fence;
// Replace puts one in place of all.
func (m *Member) Append(ctx context.Context, id string, part []byte) error {
	return m.save(ctx, id, part, m.cfg.Saved.Append)
}

// Replace is told of at Append.
func (m *Member) Replace(ctx context.Context, id string, part []byte) error {
	return m.save(ctx, id, part, m.cfg.Saved.Replace)
}

func (m *Member) save(ctx context.Context, id string, part []byte, how func(context.Context, string, cluster.Fence, []byte) error) error {
	m.mu.Lock()
	c, ok := m.held[id]
	m.mu.Unlock()
	if !ok {
		return fmt.Errorf("session %s: %w", id, cluster.ErrStale)
	}
	sealed, err := m.seal(id, part)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return how(ctx, id, c.Fence, sealed)
}

// Take opens, by open, a session that another node hands over by a claim. It does
// nothing where the session is open here by that claim.
func (m *Member) Take(ctx context.Context, c cluster.Claim, open func(context.Context) error) error {
	leave, err := m.opening.enter(ctx, c.Session)
	if err != nil {
		return unheld(err)
	}
	defer leave()
	if have := m.Fence(c.Session); have >= int64(c.Fence) {
		return nil // another request was faster
	} else if have > 0 {
		m.stale(cluster.Claim{Session: c.Session, Fence: cluster.Fence(have)})
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	// Nothing may be opened for a claim that has gone elsewhere meanwhile.
	if err := m.hold(ctx, c); err != nil {
		return unheld(err)
	}
	err = m.take(ctx, c, func() ([]byte, error) { return nil, open(ctx) })
	switch {
	case errors.Is(err, cluster.ErrUnknown):
		_ = m.cfg.Registry.Release(ctx, c.Session, c.Fence) // it is lost for good: else the claim would stay
		return signaling.Nothing()
	case errors.Is(err, cluster.ErrUnavailable):
		return unheld(err)
	case err != nil:
		m.log.Warn("session not taken over", "session", c.Session, "fence", int64(c.Fence), "err", err)
		return err
	}
	m.log.Info("session taken over", "session", c.Session, "fence", int64(c.Fence))
	if known, err := m.cfg.Registry.Find(ctx, c.Session); err == nil && known.Fence == c.Fence {
		m.begin(func() { m.tell(m.life, c, known.Before) })
	}
	return nil
}

// reopen opens a session from what is kept of it.
func (m *Member) reopen(ctx context.Context, id string) error {
	parts, _, err := m.cfg.Saved.Load(ctx, id)
	if err == nil {
		parts, err = m.unsealAll(id, parts)
	}
	if err != nil {
		return err
	}
	return m.cfg.Sessions.Reopen(ctx, id, parts)
}

// seal encrypts what is kept of a session: it has words that a speaker named.
func (m *Member) seal(id string, kept []byte) ([]byte, error) {
	a, err := m.cipher()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize())
	rand.Read(nonce) // never fails
	return a.Seal(nonce, nonce, kept, []byte(id)), nil
}

// unsealAll returns the parts up to one that cannot be read; the first must.
func (m *Member) unsealAll(id string, sealed [][]byte) (parts [][]byte, err error) {
	for i, s := range sealed {
		part, err := m.unseal(id, s)
		switch {
		case err != nil && i == 0:
			return nil, err
		case err != nil:
			m.log.Warn("the newest parts of a checkpoint are lost", "session", id, "parts", len(sealed)-i, "err", err)
			return parts, nil
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (m *Member) unseal(id string, sealed []byte) ([]byte, error) {
	a, err := m.cipher()
	if err != nil {
		return nil, err
	}
	if len(sealed) < a.NonceSize() {
		return nil, fmt.Errorf("what is kept of session %s has %d bytes only", id, len(sealed))
	}
	kept, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], []byte(id))
	if err != nil {
		return nil, fmt.Errorf("what is kept of session %s cannot be read: have all nodes use the same cluster.secret: %w", id, err)
	}
	return kept, nil
}

func (m *Member) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(m.cfg.Key.Derive("kept sessions"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
