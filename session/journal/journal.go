// Package journal writes down what happens in calls: it follows the records of each
// and keeps them as rows of a store.Journal, at a pace of its own, so that no call waits.
package journal

import (
	"cmp"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/store"
)

const (
	gather    = 200 * time.Millisecond // what comes within is written together,
	mostRows  = 64                     // so many rows at most
	headEvery = 10 * time.Second       // between two rows of a session, where its counts have changed
)

// Config is how calls are written down.
type Config struct {
	To      store.Journal    // the caller's
	Node    string           // this node; "" outside of a cluster
	Engines spec.EngineNames // that phrases are heard, and translated, by
	// Fence, if set, returns the fence of a call's claim. What is written before it is known,
	// which takes a moment where a call comes from another node, would not count against
	// what that has written: the call's rows wait for it, a few seconds at most.
	Fence func(*live.Call) (fence int64, known bool)
	Log   *slog.Logger // nil for none

	// Drain is how long the rows of a call may still wait for the journal when it has
	// ended, FenceTime how long they may for the fence; 0 for 10 s and 5 s.
	Drain, FenceTime time.Duration
}

// Stats are figures of what was written down.
type Stats struct {
	Rows     int           // written
	Failures int           // tries that failed
	Lost     int           // rows and records that are not kept
	Lag      time.Duration // since what has waited longest came
}

// Journal writes calls down.
type Journal struct {
	cfg Config

	rows, failures, lost atomic.Int64

	mu      sync.Mutex
	waiting map[*follower]time.Time // since when
}

// New returns a journal that follows no calls yet.
func New(c Config) *Journal {
	c.Drain, c.FenceTime = cmp.Or(c.Drain, 10*time.Second), cmp.Or(c.FenceTime, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Journal{cfg: c, waiting: map[*follower]time.Time{}}
}

// Stats returns the figures as they are now.
func (j *Journal) Stats() Stats {
	out := Stats{Rows: int(j.rows.Load()), Failures: int(j.failures.Load()), Lost: int(j.lost.Load())}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, since := range j.waiting {
		out.Lag = max(out.Lag, time.Since(since))
	}
	return out
}

// Follow writes a call down, from its first record to its last: it is one of
// live.ManagerConfig's. It returns when all is written, or Drain after the call's end.
func (j *Journal) Follow(c *live.Call, r *record.Reader) {
	fence := func() (int64, bool) { return 0, true }
	if j.cfg.Fence != nil {
		fence = func() (int64, bool) { return j.cfg.Fence(c) }
	}
	f := newFollower(j, store.Session{
		Epoch: c.Epoch, Name: c.Spec.ID, Node: j.cfg.Node, From: string(c.Spec.From), To: names(c.Targets()),
		Profile: string(c.Spec.Profile), DelayMS: int(c.Spec.Delay.Milliseconds()), Created: c.Created,
	}, c.Done(), fence, c.Log())
	f.resumed = c.Spec.Epoch != ""
	f.run(r)
}

// waits notes since when a follower has rows that are not written; the zero time: it has none.
func (j *Journal) waits(f *follower, since time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if since.IsZero() {
		delete(j.waiting, f)
	} else if _, ok := j.waiting[f]; !ok {
		j.waiting[f] = since
	}
}
