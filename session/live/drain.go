package live

import (
	"context"
	"sync"
	"time"

	"livedub/session/record"
	"livedub/session/spec"
)

const (
	drainTick = 200 * time.Millisecond
	// drainIdle is how long a session that nobody uses may still be come back to while the manager drains.
	drainIdle = 5 * time.Second
	// movedIdle is how long those who still watch a call that has moved may do so, beyond
	// D, once its speaker is gone: they did not hear of it.
	movedIdle = 5 * time.Second
)

// Drain takes no new sessions, hands those that there are over if it can, and lets
// what is left go on to its end: until nobody uses any, d has passed, or ctx ends.
// Close ends what is left.
func (m *Manager) Drain(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	m.mu.Lock()
	m.closed, m.drained = true, time.Now().Add(d)
	m.mu.Unlock()
	var handing sync.WaitGroup
	defer handing.Wait()
	defer cancel()
	for _, c := range m.List() {
		c.Tell(record.Record{Drain: &spec.Drain{Until: m.drained}})
		if m.cfg.HandOver != nil && d > 0 {
			handing.Go(func() { m.cfg.HandOver(ctx, c) })
		}
	}
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for {
		now, used := time.Now(), 0
		for _, c := range m.List() {
			switch {
			case c.left(now):
				c.cancel()
			case c.unused(now) < drainIdle:
				used++
			}
		}
		if used == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Moved tells all who listen that the session goes on at another node, by a claim with
// that fence. It goes on here as well, for those who are connected.
func (c *Call) Moved(fence int64) {
	c.mu.Lock()
	c.moved = time.Now()
	c.spoke = c.moved
	c.mu.Unlock()
	c.Tell(record.Record{Moved: &record.Moved{Fence: fence}})
}

// Stays takes back what Moved told: the session is this node's again.
func (c *Call) Stays() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = time.Time{}
}

// left tells whether a call that has moved is needed here no more: all are gone, or
// the speaker is, and what they had said has been heard.
func (c *Call) left(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.moved.IsZero():
		return false
	case c.live():
		c.spoke = now
		return false
	case c.Viewers() == 0:
		return true
	}
	return now.Sub(c.spoke) > *c.Spec.Delay+movedIdle
}
