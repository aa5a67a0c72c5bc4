package member

import (
	"sync"
	"time"

	"livedub/cluster"
)

// clock knows how far this machine's clock is off the registry's. Of the last few
// heartbeats the one with the shortest way tells it best.
type clock struct {
	mu     sync.Mutex
	pulses []cluster.Pulse
}

const mostPulses = 10

func (c *clock) add(p cluster.Pulse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulses = append(c.pulses[max(0, len(c.pulses)+1-mostPulses):], p)
}

func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var best cluster.Pulse
	for i, p := range c.pulses {
		if i == 0 || p.Trip <= best.Trip {
			best = p
		}
	}
	return best.Offset
}

// Now returns the time by the registry's clock, which all nodes share.
func (m *Member) Now() time.Time { return time.Now().Add(m.clock.offset()) }
