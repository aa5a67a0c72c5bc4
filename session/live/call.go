// Package live keeps the sessions of one node: it opens them, hands them their
// publishers, ends those that nobody uses, and drains.
package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"livedub/media/pace"
	"livedub/session"
	"livedub/session/ingest"
	"livedub/session/spec"
)

// Call is a session that a manager keeps: it outlives its publishers.
type Call struct {
	*session.Session
	Spec    spec.Spec
	Epoch   string // a UUID: tells this session from any other that has borne its name
	Created time.Time
	Clock   *pace.Wall

	log    *slog.Logger
	saver  Saver // nil for none
	saves  *saves
	now    func() time.Time // now, by the clock that nodes share
	ctx    context.Context  // ends with the session
	cancel context.CancelFunc
	done   chan struct{} // closed when everything has ended

	tap *ingest.Tap // nil outside of a cluster

	mu        sync.Mutex
	publisher spec.Publisher
	standing  *standing     // a publisher whose place the speaker takes; nil for none
	outputs   []spec.Output // that it is sent on to
	used      time.Time     // when somebody was last seen
	moved     time.Time     // when listeners were told that the session goes on elsewhere; zero before
	spoke     time.Time     // when a speaker was last seen since
	stays     time.Duration // it may be unused for at least so long
	wg        sync.WaitGroup
}

// Done is closed when all of the session has ended.
func (c *Call) Done() <-chan struct{} { return c.done }

// Log returns the session's log.
func (c *Call) Log() *slog.Logger { return c.log }

// Phase tells where a session is in its life: new, live, or idle between publishers.
func (c *Call) Phase() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.live():
		return "live"
	case c.used == c.Created:
		return "new"
	}
	return "idle"
}

// StayFor lets the session stay unused for at least d, so that its speaker may come back.
func (c *Call) StayFor(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stays = d
}

// Outputs returns what SetOutputs was told, here or at the node before.
func (c *Call) Outputs() []spec.Output {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outputs
}

// SetOutputs has other nodes know of what the call is sent on to. Whoever calls it tells
// a record of it.
func (c *Call) SetOutputs(all []spec.Output) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outputs = all
}

// Away tells whether the call goes on at another node.
func (c *Call) Away() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.moved.IsZero()
}

// unused returns how long nobody has published or watched. Who is connected and
// sends nothing does not publish.
func (c *Call) unused(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live() {
		c.used = now
	}
	if c.Viewers() > 0 {
		c.used = now
	}
	return now.Sub(c.used)
}

// run keeps the session going to its end.
func (c *Call) run(ctx context.Context) {
	if err := c.Run(ctx); err != nil && ctx.Err() == nil {
		c.log.Error("session failed", "err", err)
	}
	c.cancel()
}

// leave closes the last publisher, and waits until it is through.
func (c *Call) leave() {
	c.mu.Lock()
	last, standing := c.publisher, c.standing
	c.mu.Unlock()
	if standing != nil {
		standing.Close()
	}
	if last != nil {
		last.Close()
	}
	c.wg.Wait()
}

// end ends the session and waits for all of it.
func (c *Call) end() {
	c.cancel()
	<-c.done
}
