package memory

import (
	"fmt"
	"time"

	"livedub/cluster"
)

// hear notes that somebody reached the registry: since is when the last silence of
// all ended.
func (r *Registry) hear() {
	now := r.now()
	if now.Sub(r.heard) > 2*r.rules.Every {
		r.since = now
	}
	r.heard = now
}

// away tells whether there was such a silence within the last Dead: it proves
// nobody's death then.
func (r *Registry) away() bool {
	now := r.now()
	return now.Sub(r.heard) > 2*r.rules.Every || now.Sub(r.since) <= r.rules.Dead
}

// silent tells whether a node takes no sessions for want of heartbeats.
func (r *Registry) silent(n *node) bool { return r.now().Sub(n.beat) >= r.rules.Dead }

// lost tells whether a claim's node is dead, and not only unheard of.
func (r *Registry) lost(c *claim) bool {
	n := r.nodes[c.Node]
	if n == nil || n.Boot != c.Boot {
		return true
	}
	return r.silent(n) && !r.away()
}

// newest returns the highest fence that can have been given so far.
func (r *Registry) newest() cluster.Fence {
	return max(r.fence, cluster.Fence(r.now().UnixMicro()))
}

// known returns what is left of a session's claim, nil if nothing is.
func (r *Registry) known(session string) *claim {
	c := r.claims[session]
	if c != nil && !c.forget.IsZero() && !r.now().Before(c.forget) {
		delete(r.claims, session)
		return nil
	}
	return c
}

// held returns a session's claim, nil if nobody has it.
func (r *Registry) held(session string) *claim {
	if c := r.known(session); c != nil && c.Node != "" {
		return c
	}
	return nil
}

func (r *Registry) claim(session string, c *claim) cluster.Claim {
	return cluster.Claim{
		Session: session, Node: c.Node, Boot: c.Boot, Addr: c.Addr, Fence: c.fence, Cost: cluster.Places(c.cost), Lost: r.lost(c), Before: c.before,
	}
}

// assign claims a place for a session at any node but one, or at the one that it goes back to.
func (r *Registry) assign(a cluster.Ask, not string, before cluster.Holder) (cluster.Claim, error) {
	to, ok := cluster.Status{}, a.To.Node != ""
	if ok {
		to.Node = r.nodes[a.To.Node].Node
	} else if to, ok = cluster.Choose(r.rules.Policy, r.all(), a.Cost, not); !ok {
		return cluster.Claim{}, fmt.Errorf("%w: session %s asks for %v places", cluster.ErrFull, a.Session, a.Cost)
	}
	r.fence = max(r.fence+1, cluster.Fence(r.now().UnixMicro()))
	c := &claim{
		Holder: cluster.Holder{Node: to.ID, Boot: to.Boot, Addr: to.Addr}, before: before,
		fence: r.fence, cost: cluster.Cost(a.Cost), confirm: r.now().Add(r.rules.Confirm),
	}
	r.claims[a.Session] = c
	r.nodes[to.ID].has[a.Session] = c.cost
	return r.claim(a.Session, c), nil
}

// drop frees the place of a claim, if its node still has it.
func (r *Registry) drop(session string, c *claim) {
	if n := r.nodes[c.Node]; n != nil && n.Boot == c.Boot {
		delete(n.has, session)
	}
}

// forget takes a node out. Its claims wait to be moved.
func (r *Registry) forget(n *node) {
	delete(r.nodes, n.ID)
	for session := range n.has {
		c := r.claims[session]
		c.confirm, c.forget = time.Time{}, r.now().Add(r.rules.Keep)
	}
}
