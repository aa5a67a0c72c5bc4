// Package memory keeps a cluster's record in this process: for a single node, and
// as the plain statement of the rules that cluster/redis keeps in scripts.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"livedub/cluster"
)

// Registry is a cluster.Registry and cluster.Checkpoints. It loses nothing while
// the process lives, and is never unavailable.
type Registry struct {
	rules cluster.Rules
	now   func() time.Time

	mu     sync.Mutex
	nodes  map[string]*node
	claims map[string]*claim // and what is left of ended ones
	saved  map[string]*checkpoint
	fence  cluster.Fence
	heard  time.Time // the last heartbeat of any node, or Reap
	since  time.Time // from when on there were such without a gap
	deaths int       // that nobody was told of
	fell   time.Time // when the last of them was found
}

type node struct {
	cluster.Node
	beat    time.Time
	refused bool             // a session, since the last heartbeat
	has     map[string]int64 // sessions, and their cost in thousandths
}

type claim struct {
	cluster.Holder // zero once released
	before         cluster.Holder
	fence          cluster.Fence
	cost           int64
	confirm        time.Time // when it ends unless confirmed; zero once confirmed
	forget         time.Time // when it is forgotten; zero while a known node has it
}

var (
	_ cluster.Registry    = (*Registry)(nil)
	_ cluster.Checkpoints = (*Registry)(nil)
)

// New returns an empty registry. now is the clock, time.Now if nil.
func New(rules cluster.Rules, now func() time.Time) *Registry {
	if now == nil {
		now = time.Now
	}
	return &Registry{
		rules: rules.WithDefaults(), now: now,
		nodes: map[string]*node{}, claims: map[string]*claim{}, saved: map[string]*checkpoint{},
	}
}

// Close does nothing.
func (r *Registry) Close() error { return nil }

// Beat renews a node.
func (r *Registry) Beat(_ context.Context, n cluster.Node) (cluster.Pulse, error) {
	if err := n.Check(); err != nil {
		return cluster.Pulse{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear()
	have := r.nodes[n.ID]
	if have != nil && have.Boot != n.Boot {
		if !r.silent(have) {
			return cluster.Pulse{}, fmt.Errorf("%w: node %s", cluster.ErrTaken, n.ID)
		}
		r.forget(have)
		r.died()
		have = nil
	}
	if have == nil {
		have = &node{has: map[string]int64{}}
		r.nodes[n.ID] = have
	}
	have.Node, have.beat, have.refused = n, r.now(), false
	s := r.status(have)
	return cluster.Pulse{Claims: s.Claims, Used: s.Used}, nil
}

// Leave takes a node out.
func (r *Registry) Leave(_ context.Context, id, boot string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[id]; n != nil && n.Boot == boot {
		r.forget(n)
	}
	return nil
}

// Place claims a place.
func (r *Registry) Place(_ context.Context, a cluster.Ask) (cluster.Claim, error) {
	if err := a.Check(); err != nil {
		return cluster.Claim{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.held(a.Session); c != nil {
		return r.claim(a.Session, c), fmt.Errorf("%w: session %s", cluster.ErrClaimed, a.Session)
	}
	return r.assign(a, "", cluster.Holder{})
}

// Find returns a claim.
func (r *Registry) Find(_ context.Context, session string) (cluster.Claim, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.held(session)
	if c == nil {
		return cluster.Claim{}, fmt.Errorf("%w: %.80q", cluster.ErrUnknown, session)
	}
	return r.claim(session, c), nil
}

// Move gives a session to another node.
func (r *Registry) Move(_ context.Context, a cluster.Ask, seen cluster.Fence) (cluster.Claim, error) {
	if err := a.Check(); err != nil {
		return cluster.Claim{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.held(a.Session)
	switch {
	case c == nil:
		return cluster.Claim{}, fmt.Errorf("%w: %s", cluster.ErrUnknown, a.Session)
	case c.fence != seen:
		return r.claim(a.Session, c), fmt.Errorf("%w: session %s", cluster.ErrStale, a.Session)
	}
	if to := r.nodes[a.To.Node]; a.To.Node != "" && (to == nil || to.Boot != a.To.Boot) {
		return cluster.Claim{}, fmt.Errorf("%w: node %s is not known, or as another process: let it beat first", cluster.ErrNode, a.To.Node)
	}
	not := ""
	if n := r.nodes[c.Node]; n != nil && n.Boot == c.Boot { // a successor under its name may have it
		not, n.refused = c.Node, n.refused || a.Refused
	}
	to, err := r.assign(a, not, c.Holder)
	if err == nil && a.To.Node != c.Node {
		r.drop(a.Session, c)
	}
	return to, err
}

// Hold proves a claim.
func (r *Registry) Hold(_ context.Context, c cluster.Claim) error {
	if err := (cluster.Ask{Session: c.Session, Cost: c.Cost}).Check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[c.Node]
	if n == nil || n.Boot != c.Boot {
		return fmt.Errorf("%w: node %s is not known, or as another process: let it beat first", cluster.ErrNode, c.Node)
	}
	have := r.known(c.Session)
	switch {
	case have == nil && c.Fence > 0 && c.Fence <= r.newest():
		have = &claim{Holder: cluster.Holder{Node: c.Node, Boot: c.Boot, Addr: n.Addr}, fence: c.Fence, cost: cluster.Cost(c.Cost)}
		r.claims[c.Session] = have
	case have == nil || have.fence != c.Fence || have.Node != c.Node || have.Boot != c.Boot:
		return fmt.Errorf("%w: session %s, fence %d", cluster.ErrStale, c.Session, c.Fence)
	}
	have.confirm, have.forget = time.Time{}, time.Time{}
	n.has[c.Session] = have.cost
	return nil
}

// Release ends a claim.
func (r *Registry) Release(_ context.Context, session string, f cluster.Fence) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.held(session)
	switch {
	case c == nil:
		return nil
	case c.fence != f:
		return fmt.Errorf("%w: session %s, fence %d", cluster.ErrStale, session, f)
	}
	r.drop(session, c)
	r.claims[session] = &claim{fence: f, forget: r.now().Add(r.rules.Keep)}
	return nil
}

// Reap takes out what is dead.
func (r *Registry) Reap(context.Context) ([]cluster.Claim, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear()
	now := r.now()
	for session := range r.claims {
		r.known(session) // forgets what is old
	}
	for session, s := range r.saved {
		if !now.Before(s.forget) {
			delete(r.saved, session)
		}
	}
	if r.away() {
		return nil, nil
	}
	for session, c := range r.claims {
		if !c.confirm.IsZero() && !now.Before(c.confirm) {
			r.drop(session, c)
			delete(r.claims, session)
		}
	}
	var lost []cluster.Claim
	for _, n := range r.nodes {
		if !r.silent(n) {
			continue
		}
		r.forget(n)
		r.died()
		for session := range n.has {
			lost = append(lost, r.claim(session, r.claims[session]))
		}
	}
	return lost, nil
}

// died counts a node that was found dead.
func (r *Registry) died() {
	if r.now().Sub(r.fell) >= r.rules.Keep {
		r.deaths = 0
	}
	r.deaths, r.fell = r.deaths+1, r.now()
}

// Deaths tells of nodes that were found dead, each once.
func (r *Registry) Deaths(context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.deaths
	if r.now().Sub(r.fell) >= r.rules.Keep {
		n = 0
	}
	r.deaths = 0
	return n, nil
}

// Nodes lists the nodes.
func (r *Registry) Nodes(context.Context) ([]cluster.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all(), nil
}

func (r *Registry) all() []cluster.Status {
	list := make([]cluster.Status, 0, len(r.nodes))
	for _, n := range r.nodes {
		list = append(list, r.status(n))
	}
	slices.SortFunc(list, func(a, b cluster.Status) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (r *Registry) status(n *node) cluster.Status {
	var used int64
	for _, cost := range n.has {
		used += cost
	}
	return cluster.Status{Node: n.Node, Claims: len(n.has), Used: cluster.Places(used), Age: r.now().Sub(n.beat), Dead: r.silent(n), Refuse: n.refused}
}
