// Package member is a node's side of a cluster: its heartbeat, the claims that it
// holds, and the requests that gateways forward to it.
package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"livedub/cluster"
	"livedub/signaling"
	"livedub/signaling/access"
)

// Sessions are what the node carries.
type Sessions interface {
	// Reopen opens a session from the parts of its checkpoint that another node gave to
	// Claim, Append or Replace. What it keeps then has this node's fence. It fails with
	// ErrFull where this one takes no more.
	Reopen(ctx context.Context, id string, parts [][]byte) error
	// End ends a session and waits until nothing of it is left. Unknown ones are fine.
	End(id string)
}

// Config says which node this is and where its record is kept.
type Config struct {
	Registry cluster.Registry
	Saved    cluster.Checkpoints
	Rules    cluster.Rules
	Key      access.Key // of the cluster
	Self     func() cluster.Node
	Sessions Sessions
	// Link, if set, takes a connection from another node, which hands the session of a
	// claim over to this one. The claim is not proved, nor the session opened: see Take.
	Link func(ctx context.Context, conn net.Conn, c cluster.Claim)
	Log  *slog.Logger // nil for none
}

const (
	tick = 200 * time.Millisecond
	// stopped is for how long a process may stand still and still act for its sessions:
	// gateways take somewhat longer to give a node up.
	stopped   = time.Second
	proveTime = 2 * time.Second // for the proof after it
	askTime   = 3 * time.Second // the registry may take to answer
)

// Member is this node in the cluster.
type Member struct {
	cfg   Config
	log   *slog.Logger
	key   signaling.PassKey
	boot  string
	id    string
	start time.Time

	alive atomic.Int64 // when the process was last seen to run, from start; see Acting
	away  atomic.Bool  // the registry did not answer the last heartbeat
	clock clock

	opening *opening // of sessions that were kept

	mu      sync.Mutex
	held    map[string]cluster.Claim
	gone    map[string]cluster.Claim // carried here still, and handed over: their claims elsewhere
	done    map[string]cluster.Claim // ended, still to be released
	leaving bool

	others *http.Transport // to other nodes
	life   context.Context // from Start to Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New returns a member; Start begins its life.
func New(c Config) *Member {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	self := c.Self()
	m := &Member{
		cfg: c, log: c.Log, key: signaling.NewPassKey(c.Key), id: self.ID, boot: self.Boot, start: time.Now(),
		held: map[string]cluster.Claim{}, gone: map[string]cluster.Claim{}, done: map[string]cluster.Claim{}, opening: newOpening(),
		others: &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: tellTime, ResponseHeaderTimeout: tellTime, MaxResponseHeaderBytes: 64 << 10},
	}
	m.life, m.cancel = context.WithCancel(context.Background())
	return m
}

// Start sends the first heartbeat and goes on until Close. It fails where the
// registry does not take this node. When ctx ends, as when the node begins to drain,
// there is a heartbeat at once: Self tells the state.
func (m *Member) Start(ctx context.Context) error {
	// A process that was killed under this name counts as alive for a while yet.
	rules := m.cfg.Rules.WithDefaults()
	for until := time.Now().Add(rules.Dead + askTime); ; {
		err := m.beat(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, cluster.ErrTaken) || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(rules.Every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	wake := make(chan struct{}, 1)
	context.AfterFunc(ctx, func() { wake <- struct{}{} })
	heart := &cluster.Heart{
		Registry: m.cfg.Registry, Rules: m.cfg.Rules, Self: m.cfg.Self, Mine: m.claims, Wake: wake,
		Stale: func(c cluster.Claim) { m.begin(func() { m.stale(c) }) }, // many that end do not hold up the heartbeat
		Pulse: func(p cluster.Pulse, err error) {
			if err == nil {
				m.clock.add(p)
			}
			m.pulse(m.life, err)
		},
	}
	m.seen()
	m.wg.Go(func() { heart.Run(m.life) })
	m.wg.Go(func() { m.watch(m.life) })
	return nil
}

func (m *Member) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	self := m.cfg.Self()
	self.Holds = len(m.claims())
	p, err := m.cfg.Registry.Beat(ctx, self)
	if err == nil {
		m.clock.add(p)
	}
	return err
}

// pulse tells of outages, and makes up for what they held up.
func (m *Member) pulse(ctx context.Context, err error) {
	switch was := m.away.Swap(err != nil); {
	case err != nil && !was:
		m.log.Warn("the cluster's registry does not take this node's heartbeat: calls go on, new ones cannot begin", "err", err)
	case err == nil && was:
		m.log.Info("the cluster's registry is back")
	}
	if err == nil {
		m.release(ctx)
	}
}

// claims returns what this node holds.
func (m *Member) claims() []cluster.Claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]cluster.Claim, 0, len(m.held))
	for _, c := range m.held {
		out = append(out, c)
	}
	return out
}

// Fence returns the fence of a session that this node holds, 0 for another.
func (m *Member) Fence(id string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(m.held[id].Fence)
}

// Carries returns how many sessions this node has, and how many places they take.
func (m *Member) Carries() (sessions int, places float64) {
	all := m.claims()
	for _, c := range all {
		places += c.Cost
	}
	return len(all), places
}

// Away tells whether the registry did not answer the last heartbeat.
func (m *Member) Away() bool { return m.away.Load() }

// stale ends a session that another node holds now.
func (m *Member) stale(c cluster.Claim) {
	m.mu.Lock()
	if m.held[c.Session].Fence != c.Fence {
		m.mu.Unlock()
		return
	}
	delete(m.held, c.Session)
	m.mu.Unlock()
	m.log.Warn("session ended here: another node holds it", "session", c.Session, "fence", int64(c.Fence))
	m.cfg.Sessions.End(c.Session)
}

// Ended notes that a session of this node is over: its place is free, and what is
// kept of it goes. When the node leaves, its sessions are another's to go on with.
func (m *Member) Ended(id string) {
	m.mu.Lock()
	c, ok := m.held[id]
	delete(m.held, id)
	delete(m.gone, id)
	if ok && !m.leaving {
		m.done[id] = c
	}
	ok = ok && !m.leaving
	m.mu.Unlock()
	if ok {
		m.release(context.Background())
	}
}

// release gives back what has ended. What the registry does not take now is tried
// again after the next heartbeat.
func (m *Member) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	m.mu.Lock()
	var all []cluster.Claim
	for _, c := range m.done {
		all = append(all, c)
	}
	m.mu.Unlock()
	for _, c := range all {
		err := m.cfg.Registry.Release(ctx, c.Session, c.Fence)
		if err == nil {
			err = m.cfg.Saved.Erase(ctx, c.Session)
		}
		if err != nil && !errors.Is(err, cluster.ErrStale) {
			m.log.Debug("claim not released yet", "session", c.Session, "err", err)
			return
		}
		m.mu.Lock()
		if m.done[c.Session].Fence == c.Fence {
			delete(m.done, c.Session)
		}
		m.mu.Unlock()
	}
}

// Leaving lets the sessions that end from now on be moved, instead of releasing them.
func (m *Member) Leaving() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaving = true
}

// begin runs f until Close, which waits for it.
func (m *Member) begin(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life.Err() == nil {
		m.wg.Go(f)
	}
}

// Close takes the node out of the cluster and waits for its goroutines.
func (m *Member) Close() {
	m.mu.Lock()
	m.leaving = true
	m.cancel() // with the lock: nothing is begun from here on
	m.mu.Unlock()
	m.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	m.release(ctx)
	if err := m.cfg.Registry.Leave(ctx, m.id, m.boot); err != nil {
		m.log.Warn("the registry was not told that this node leaves: it counts as dead in a few seconds", "err", err)
	}
}

func (m *Member) seen() { m.alive.Store(int64(time.Since(m.start))) }

// Acting tells whether this process may act for its sessions: false when it stood
// still for more than a second and has not proved since that they are its own.
func (m *Member) Acting() bool { return time.Since(m.start)-time.Duration(m.alive.Load()) <= stopped }

// watch notes that the process runs, and has it prove its claims after it stood still.
func (m *Member) watch(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if !m.Acting() {
				m.prove(ctx)
			}
			m.seen()
		}
	}
}

// prove asks the registry for every claim whether it still holds. Without an answer
// the sessions go on: where nobody can ask, hardly anybody can have moved them.
func (m *Member) prove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	m.log.Warn("this process stood still: it proves its claims", "for", (time.Since(m.start) - time.Duration(m.alive.Load())).Round(time.Millisecond).String())
	mine := m.claims()
	if err := m.beat(ctx); err != nil {
		m.log.Warn("claims could not be proved", "err", err)
		if errors.Is(err, cluster.ErrTaken) {
			for _, c := range mine {
				m.stale(c)
			}
		}
		return
	}
	for _, c := range mine {
		switch err := m.hold(ctx, c); {
		case errors.Is(err, cluster.ErrStale):
			m.stale(c)
		case err != nil:
			m.log.Warn("a claim could not be proved", "session", c.Session, "err", err)
		}
	}
}

// hold proves one claim.
func (m *Member) hold(ctx context.Context, c cluster.Claim) error {
	c.Node, c.Boot = m.id, m.boot
	return m.cfg.Registry.Hold(ctx, c)
}

// unheld is the refusal where a claim cannot be confirmed.
func unheld(err error) error {
	return &signaling.Error{
		Kind: signaling.ErrFull, Message: fmt.Sprintf("the session's place could not be confirmed: %v", err),
		Hint: "wait as long as Retry-After says, then try again", Retry: 2 * time.Second,
	}
}
