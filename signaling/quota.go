package signaling

import (
	"context"
	"net/netip"
	"sync"
)

// Quota bounds how many of something each address, and all together, may hold.
// This machine itself counts in the whole only. Its methods are safe for concurrent use.
type Quota struct {
	what      string
	each, all int

	mu   sync.Mutex
	held int
	by   map[netip.Prefix]int
}

// NewQuota returns a quota, 0 for no bound; what names the things in errors, as "viewers".
func NewQuota(what string, each, all int) *Quota {
	return &Quota{what: what, each: each, all: all, by: map[netip.Prefix]int{}}
}

// Take counts one for the client of a request's context, until release, which
// may be called more than once; or returns ErrRate for an address that holds too many, ErrFull for all.
func (q *Quota) Take(ctx context.Context) (release func(), err error) {
	key, counted := network(clientOf(ctx))
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case counted && q.each > 0 && q.by[key] >= q.each:
		return nil, ErrRate.Errorf("your address holds %d %s already: end one", q.each, q.what)
	case q.all > 0 && q.held >= q.all:
		return nil, ErrFull.Errorf("%d %s are there already", q.held, q.what)
	}
	q.held++
	if counted {
		q.by[key]++
	}
	return sync.OnceFunc(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.held--
		if !counted {
			return
		}
		if q.by[key]--; q.by[key] == 0 {
			delete(q.by, key)
		}
	}), nil
}

// Network returns what the client of a request's context counts as; false for
// one that does not count.
func Network(ctx context.Context) (netip.Prefix, bool) { return network(clientOf(ctx)) }

// network returns what an address counts as, a /64 of IPv6; false for this
// machine, which is not bounded, and where the address is unknown.
func network(a netip.Addr) (netip.Prefix, bool) {
	if !a.IsValid() || a.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}
