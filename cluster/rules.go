package cluster

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"time"
)

const (
	MaxCapacity = 1000.0 // places of one node: more is a mistake
	MaxCost     = 100.0  // places of one session
	maxID       = 64     // bytes
	maxAddr     = 256    // bytes
	thousandths = 1000   // of a place, in which capacity and cost are counted
)

// Rules are the same for all members of a cluster. Zero values stand for defaults.
type Rules struct {
	Policy  Policy        // Spread
	Every   time.Duration // between heartbeats: 1 s
	Dead    time.Duration // without a heartbeat: 5 s
	Confirm time.Duration // within which a node must Hold what it was given: 15 s
	Keep    time.Duration // how long ended and lost claims, and checkpoints, are remembered: 1 h
}

// WithDefaults fills in what is zero.
func (r Rules) WithDefaults() Rules {
	r.Policy = cmp.Or(r.Policy, Spread)
	r.Every = cmp.Or(r.Every, time.Second)
	r.Dead = cmp.Or(r.Dead, 5*time.Second)
	r.Confirm = cmp.Or(r.Confirm, 15*time.Second)
	r.Keep = cmp.Or(r.Keep, time.Hour)
	return r
}

// CheckID refuses names of nodes, boots and sessions that are not 1 to 64 of
// A-Z a-z 0-9 . _ - (they become parts of keys).
func CheckID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("an ID of %d bytes: it has 1 to %d", len(id), maxID)
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("the ID %.80q: it has letters, digits, dots, hyphens and underscores only", id)
		}
	}
	return nil
}

// Check refuses what a node cannot be. It fails with ErrNode.
func (n Node) Check() error {
	for _, id := range []string{n.ID, n.Boot} {
		if err := CheckID(id); err != nil {
			return fmt.Errorf("%w: %w", ErrNode, err)
		}
	}
	u, err := url.Parse(n.Addr)
	switch {
	case len(n.Addr) > maxAddr || err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: node %s: the address %.300q: give http://HOST:PORT, %d bytes at most", ErrNode, n.ID, n.Addr, maxAddr)
	case n.State != Warming && n.State != Serving && n.State != Draining:
		return fmt.Errorf("%w: node %s: the state %.20q: it is %s, %s or %s", ErrNode, n.ID, n.State, Warming, Serving, Draining)
	case !within(n.Capacity, MaxCapacity):
		return fmt.Errorf("%w: node %s: a capacity of %v places: it is 0 to %v", ErrNode, n.ID, n.Capacity, MaxCapacity)
	case !within(n.GPU, 1) || !within(n.Memory, 1):
		return fmt.Errorf("%w: node %s: GPU %v and memory %v in use: each is 0 to 1", ErrNode, n.ID, n.GPU, n.Memory)
	case n.Holds < 0:
		return fmt.Errorf("%w: node %s: it holds %d sessions", ErrNode, n.ID, n.Holds)
	}
	return nil
}

// Check refuses what cannot be placed. It fails with ErrAsk.
func (a Ask) Check() error {
	if err := CheckID(a.Session); err != nil {
		return fmt.Errorf("%w: %w", ErrAsk, err)
	}
	if !within(a.Cost, MaxCost) || a.Cost == 0 {
		return fmt.Errorf("%w: session %s: a cost of %v places: it is above 0, %v at most", ErrAsk, a.Session, a.Cost, MaxCost)
	}
	return nil
}

// within tells whether x is a number from 0 to most; NaN is not.
func within(x, most float64) bool { return x >= 0 && x <= most }

// Cost returns a cost in thousandths of a place, rounded up: registries count in
// whole numbers, so that nothing is left over when all is released.
func Cost(places float64) int64 { return int64(math.Ceil(places*thousandths - 1e-6)) }

// Capacity returns a capacity in thousandths of a place, rounded down.
func Capacity(places float64) int64 { return int64(math.Floor(places*thousandths + 1e-6)) }

// Places returns thousandths as places.
func Places(n int64) float64 { return float64(n) / thousandths }
