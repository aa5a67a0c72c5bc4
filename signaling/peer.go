package signaling

import (
	"context"
	"net/netip"
)

// Came returns ctx as that of a request from an address, for connections that are no requests.
func Came(ctx context.Context, from netip.Addr) context.Context {
	return context.WithValue(ctx, cameKey{}, came{addr: from.Unmap()})
}

// Peer returns who comes from an address by another protocol than HTTP, with a
// capability, a signed token or the operator's, "" for none. In open mode who is on this
// machine is the operator: no browser speaks those protocols.
func (a *Access) Peer(from netip.Addr, token string) *Caller {
	c := &Caller{access: a, addr: from.Unmap(), open: a.cfg.Open && from.Unmap().IsLoopback()}
	if token != "" && a.isOperator(token) {
		c.operator = true
	} else {
		c.token = token
	}
	c.operator = c.operator || c.open
	c.claims = a.claims(c.token)
	return c
}

// Keyed returns who comes from an address with a stream key: they may publish in the
// session that it names, and create that. It is for nothing else.
func (a *Access) Keyed(from netip.Addr) *Caller {
	return &Caller{access: a, addr: from.Unmap(), operator: true, keyed: true}
}

// Enter returns a session in which the caller may publish; an unknown one is created if
// the caller may name sessions and r names its languages.
func Enter(ctx context.Context, k Keeper, who *Caller, r Request) (Joined, error) {
	return ensure(ctx, k, who, r)
}

// Undo takes back a session that Enter has created and in which nothing was published.
func Undo(k Keeper, j Joined) {
	if j.Created {
		undo(k, j.Session.ID)
	}
}

// AllowFrom returns ErrRate for a client, as a context tells it, that asks too often.
func (l *Limiter) AllowFrom(ctx context.Context) error { return l.allow(clientOf(ctx), 1) }
