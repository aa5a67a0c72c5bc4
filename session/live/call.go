// Package live keeps the sessions of one node: it opens them, hands them their
// publishers, ends those that nobody uses, and drains.
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media/pace"
	"livedub/session"
	"livedub/session/record"
	"livedub/session/spec"
)

// silence is how long a publisher may send nothing before another may take its place.
const silence = 2 * time.Second

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

	mu        sync.Mutex
	publisher spec.Publisher
	used      time.Time // when somebody was last seen
	wg        sync.WaitGroup
}

// Log returns the session's log.
func (c *Call) Log() *slog.Logger { return c.log }

// Publish lets p be the session's speaker until it ends. A speaker who has left
// or been silent for 2 s gives way; one who is live does not (ErrBusy). On
// success the session closes p when it is through with it; else the caller does.
func (c *Call) Publish(p spec.Publisher) error {
	before, err := c.replace(p)
	if before != nil {
		before.Close()
	}
	return err
}

// replace puts p in the publisher's place and returns who was there.
func (c *Call) replace(p spec.Publisher) (before spec.Publisher, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.vacant(); err != nil {
		return nil, err
	}
	if c.ctx.Err() != nil {
		return nil, fmt.Errorf("session %s: %w: it has just ended", c.Spec.ID, spec.ErrNotFound)
	}
	before, c.publisher, c.used = c.publisher, p, time.Now()
	c.Tell(record.Record{Publisher: &record.Publisher{Here: true}})
	c.wg.Go(func() { c.feed(c.ctx, p) })
	return before, nil
}

// Vacant returns ErrBusy while a live publisher is there.
func (c *Call) Vacant() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vacant()
}

func (c *Call) vacant() error {
	if c.live() {
		return fmt.Errorf("session %s: %w", c.Spec.ID, spec.ErrBusy)
	}
	return nil
}

// live tells whether a publisher is there and sends; the caller has the lock.
// One that has left is remembered while its last frames wait to be shown.
func (c *Call) live() bool {
	if c.publisher == nil {
		return false
	}
	select {
	case <-c.publisher.Done():
		return false
	default:
		return c.publisher.Silent() < silence
	}
}

// feed dubs one publisher from its first packet to its last.
func (c *Call) feed(ctx context.Context, p spec.Publisher) {
	err := guard.Do("publisher", func() error {
		if err := p.Ready(ctx); err != nil {
			return err
		}
		return c.Feed(ctx, p)
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) { // who left before sending anything
		c.log.Warn("publisher ended", "err", err)
	}
	p.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.publisher == p {
		c.Tell(record.Record{Publisher: &record.Publisher{}})
		c.publisher = nil
		c.used = time.Now()
	}
}

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
	last := c.publisher
	c.mu.Unlock()
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
