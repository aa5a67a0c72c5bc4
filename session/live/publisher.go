package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/ingest"
	"livedub/session/record"
	"livedub/session/spec"
)

// silence is how long a publisher may send nothing before another may take its place.
const silence = 2 * time.Second

// standing is a stand-in whose packets the session is dubbing.
type standing struct {
	spec.StandIn
	splice  *ingest.Splice
	speaker spec.Publisher // who has taken its place in the same source; nil for nobody
}

// Publish lets p be the session's speaker until it ends. A speaker who has left
// or been silent for 2 s gives way, and a stand-in once the speaker is heard; one who
// is live does not (ErrBusy). On success the session closes p when it is through with
// it; else the caller does.
func (c *Call) Publish(p spec.Publisher) error {
	before, err := c.replace(p)
	if before != nil {
		before.Close()
	}
	return err
}

// replace puts p in the publisher's place and returns who is to be closed for it.
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
	stand, stands := p.(spec.StandIn)
	switch {
	case stands:
		s := &standing{StandIn: stand, splice: ingest.NewSplice(p)}
		c.standing = s
		c.wg.Go(func() { c.stand(c.ctx, s) })
	case c.standing != nil:
		s := c.standing
		if before == spec.Publisher(s.StandIn) {
			before = nil // it is heard until p is
		}
		s.splice.Expect()
		c.wg.Go(func() { c.join(c.ctx, s, p) })
	default:
		c.wg.Go(func() { c.feed(c.ctx, p, p) })
	}
	return before, nil
}

// Vacant returns ErrBusy while a live publisher is there.
func (c *Call) Vacant() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vacant()
}

func (c *Call) vacant() error {
	if _, stands := c.publisher.(spec.StandIn); !stands && c.live() {
		return fmt.Errorf("session %s: %w", c.Spec.ID, spec.ErrBusy)
	}
	return nil
}

// Speaking tells whether a publisher is connected, though it may send nothing.
func (c *Call) Speaking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.publisher == nil {
		return false
	}
	select {
	case <-c.publisher.Done():
		return false
	default:
		return true
	}
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

// feed dubs one publisher, whose packets come by src, from its first packet to its last.
func (c *Call) feed(ctx context.Context, p spec.Publisher, src media.Source) {
	err := guard.Do("publisher", func() error {
		if err := p.Ready(ctx); err != nil {
			return err
		}
		if c.tap != nil {
			src = c.tap.On(src)
		}
		return c.Feed(ctx, src)
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) { // who left before sending anything
		c.log.Warn("publisher ended", "err", err)
	}
	src.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone(p)
}

// stand dubs a stand-in, and the speaker who joins it.
func (c *Call) stand(ctx context.Context, s *standing) {
	c.feed(ctx, s.StandIn, s.splice)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standing == s {
		c.standing = nil
	}
	if s.speaker != nil {
		c.gone(s.speaker)
	}
}

// gone takes a publisher out that has ended; the caller has the lock.
func (c *Call) gone(p spec.Publisher) {
	if c.publisher == p {
		c.Tell(record.Record{Publisher: &record.Publisher{}})
		c.publisher = nil
		c.used = time.Now()
	}
}
