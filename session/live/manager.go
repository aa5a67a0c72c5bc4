package live

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/media/badge"
	"livedub/media/pace"
	"livedub/session"
	"livedub/session/ingest"
	"livedub/session/record"
	"livedub/session/spec"
)

// ManagerConfig is how sessions are kept.
type ManagerConfig struct {
	Engines spec.Engines
	Base    spec.Config // of every session; what a Spec names comes with it
	Max     int         // sessions at a time

	// Delay, if set, is D of sessions in another profile than Base's; else it is the profile's own.
	Delay func(spec.Profile) time.Duration

	// Capacity, if set, tells how many there may be by what this node can carry
	// now, where there are so many, of which some are live. It must not call the manager.
	Capacity func(there, live int) int
	Saver    Saver            // keeps the checkpoints of calls, from their Keep on; nil for none
	Now      func() time.Time // by the clock that nodes share; nil: this machine's
	Idle     time.Duration    // a session that nobody uses for so long is ended
	Unused   time.Duration    // so is one that nobody has published in yet; 0 for Idle
	// Ahead, if set, has the newest packets of every call kept for another node, of D and so long.
	Ahead time.Duration
	// HandOver, if set, is called for every call when the manager drains, and may move it
	// to another node: see Call.Tap and Call.Moved. It returns when nothing more is to be
	// done for that, or with ctx.
	HandOver func(ctx context.Context, c *Call)
	// Follow are called for every call, each on a goroutine of its own, when it begins, with
	// a reader of its records from the first on. Each returns soon after that reader's io.EOF.
	Follow []func(c *Call, r *record.Reader)
	Ended  func(id string) // called when a session is over and its name free; nil if nobody cares
}

// Manager keeps the live sessions of one node.
type Manager struct {
	cfg ManagerConfig
	ctx context.Context // ends all sessions

	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*Call
	ended    totals
	closed   bool      // no new sessions
	drained  time.Time // by when all sessions end; zero while the manager does not drain
	seen     histograms
	recent   recents
	saves    saves
}

// NewManager returns a manager without sessions. The engines stay the caller's.
func NewManager(c ManagerConfig) *Manager {
	m := &Manager{cfg: c, sessions: map[string]*Call{}, ended: newTotals(), seen: newHistograms(), recent: newRecents()}
	m.cfg.Base.Observe = m.recent.observe(m.seen.observe())
	if m.cfg.Now == nil {
		m.cfg.Now = time.Now
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.wg.Go(m.sweep)
	return m
}

var sessionID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Create opens a session. It lives until Delete, until nobody has used it for
// a while, or until the manager closes.
func (m *Manager) Create(asked spec.Spec) (*Call, error) { return m.open(asked, nil) }

// Open carries a session on under its name, from a checkpoint that another node has
// made of it: its clock runs on, and what happened is told before what will.
func (m *Manager) Open(id string, from session.Checkpoint) (*Call, error) {
	asked := from.Spec
	asked.ID = id
	return m.open(asked, &from)
}

func (m *Manager) open(asked spec.Spec, from *session.Checkpoint) (*Call, error) {
	if asked.ID == "" {
		asked.ID = strings.ToLower(rand.Text()[:12])
	}
	if !sessionID.MatchString(asked.ID) {
		return nil, fmt.Errorf("%w: session name %.80q: use 1 to 64 letters, digits, - and _", spec.ErrInvalid, asked.ID)
	}
	// The original is there in any case: who lists it among the targets has it,
	// and who lists nothing else has it alone.
	asked.To = slices.DeleteFunc(append([]inference.Lang{}, asked.To...), func(c inference.Lang) bool { return c == asked.From })
	cfg := m.cfg.Base
	cfg.From, cfg.To, cfg.Words, cfg.Original = asked.From, asked.To, asked.Words, true
	if asked.Profile != "" && asked.Profile != cfg.Profile {
		cfg.Profile, cfg.Delay = asked.Profile, asked.Profile.DefaultDelay()
		if m.cfg.Delay != nil {
			cfg.Delay = m.cfg.Delay(asked.Profile)
		}
	}
	if asked.Delay != nil {
		cfg.Delay = *asked.Delay
	}
	asked.Profile, asked.Delay = cfg.Profile, &cfg.Delay
	cfg.Consent = spec.Consent{Given: asked.Consent}
	if asked.Consent {
		if cfg.Consent.At = asked.ConsentAt; asked.ConsentAt.IsZero() {
			cfg.Consent.At = time.Now()
		}
	}
	cfg.Mouths, cfg.KeepMouths = asked.Mouths, asked.KeepMouths
	if asked.NoBadge {
		cfg.Badge.Corner = badge.Off
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("session", asked.ID)

	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return nil, fmt.Errorf("%w: the server is shutting down: ask another, or again later", spec.ErrFull)
	case m.sessions[asked.ID] != nil:
		return nil, fmt.Errorf("session %s: %w: choose another", asked.ID, spec.ErrExists)
	}
	if capacity := m.capacity(); len(m.sessions) >= capacity {
		return nil, fmt.Errorf("%w: all %d are taken: try again later", spec.ErrFull, capacity)
	}
	now := time.Now()
	c := &Call{Spec: asked, Epoch: cmp.Or(asked.Epoch, uuid.NewString()), Created: now, Clock: pace.NewWall(), log: cfg.Log, saver: m.cfg.Saver, saves: &m.saves, now: m.cfg.Now, used: now, done: make(chan struct{})}
	if from != nil {
		at, err := from.Now(m.cfg.Now())
		if err != nil {
			return nil, fmt.Errorf("session %s: %w", asked.ID, err)
		}
		c.Clock, c.Created, c.outputs = pace.NewWallAt(at), from.Created, from.Outputs
	}
	var err error
	if c.Session, err = session.New(cfg, m.cfg.Engines, c.Clock); err != nil {
		return nil, err
	}
	if m.cfg.Ahead > 0 {
		c.tap = ingest.NewTap(cfg.Delay + m.cfg.Ahead)
	}
	if from != nil {
		c.Resume(*from)
	}
	c.ctx, c.cancel = context.WithCancel(m.ctx)
	m.sessions[asked.ID] = c
	m.wg.Go(func() { m.keep(c.ctx, c) })
	for _, follow := range m.cfg.Follow {
		r := c.Records().From(1)
		m.wg.Go(func() {
			defer r.Close()
			if err := guard.Do("follower", func() error { follow(c, r); return nil }); err != nil {
				c.log.Error("what happens in the session is not kept anymore", "err", err)
			}
		})
	}
	return c, nil
}

// capacity returns how many sessions there may be now; the caller has the lock.
func (m *Manager) capacity() int {
	if m.cfg.Capacity == nil {
		return m.cfg.Max
	}
	live := 0
	for _, c := range m.sessions {
		if c.Phase() == "live" {
			live++
		}
	}
	return max(0, min(m.cfg.Max, m.cfg.Capacity(len(m.sessions), live)))
}

// keep runs a session to its end and forgets it.
func (m *Manager) keep(ctx context.Context, c *Call) {
	defer close(c.done)
	c.run(ctx)
	m.mu.Lock()
	delete(m.sessions, c.Spec.ID)
	m.ended.add(c, c.State())
	m.mu.Unlock()
	c.leave()
	if m.cfg.Ended != nil {
		m.cfg.Ended(c.Spec.ID)
	}
}

// Places returns how many more sessions there may be now.
func (m *Manager) Places() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0
	}
	return max(0, m.capacity()-len(m.sessions))
}

// Get returns a session by its name.
func (m *Manager) Get(id string) (*Call, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.sessions[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("session %q: %w", id, spec.ErrNotFound) // names no others: the endpoints pass it on
}

// List returns all sessions, the oldest first.
func (m *Manager) List() []*Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*Call
	for _, c := range m.sessions {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *Call) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Spec.ID, b.Spec.ID))
	})
	return out
}

// Delete ends a session and waits until nothing of it is left.
func (m *Manager) Delete(id string) error {
	c, err := m.Get(id)
	if err != nil {
		return err
	}
	c.end()
	return nil
}

// sweep ends the sessions that nobody uses.
func (m *Manager) sweep() {
	tick := time.NewTicker(max(min(m.cfg.Idle, cmp.Or(m.cfg.Unused, m.cfg.Idle))/10, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case now := <-tick.C:
			for _, c := range m.List() {
				if idle := m.mayIdle(c); c.unused(now) > idle {
					c.log.Info("session ended: nobody has used it", "idle", idle)
					c.cancel()
				}
			}
		}
	}
}

// mayIdle returns for how long a session may stay unused.
func (m *Manager) mayIdle(c *Call) time.Duration {
	if m.cfg.Unused > 0 && c.Phase() == "new" {
		return m.cfg.Unused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(m.cfg.Idle, c.stays)
}

// Drained returns by when all sessions will have ended; zero while the manager does not drain.
func (m *Manager) Drained() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drained
}

// Close ends all sessions and waits for them. No new ones are taken.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.wg.Wait()
}
