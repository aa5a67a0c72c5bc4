package aws

import (
	"maps"
	"sync"
)

// Stats is what an Agent has done.
type Stats struct {
	Target     string           // the lifecycle state that the instance is on its way to
	Protected  bool             // from scale-in
	Waiting    int              // samples that are not published yet
	Published  uint64           // samples that CloudWatch has taken
	Dropped    uint64           // samples that were given up
	Heartbeats uint64           // of hooks, that the group has taken
	Completed  uint64           // lifecycle actions
	Late       uint64           // lifecycle actions that had ended before they were completed
	Failures   map[Cause]uint64 // requests that failed, each of which is made again
}

// counts are Stats that are still counted.
type counts struct {
	mu sync.Mutex
	Stats
}

func (c *counts) change(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.Stats)
}

func (c *counts) failed(why Cause) {
	c.change(func(s *Stats) {
		if s.Failures == nil {
			s.Failures = map[Cause]uint64{}
		}
		s.Failures[why]++
	})
}

func (c *counts) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.Stats
	s.Failures = maps.Clone(s.Failures)
	return s
}

// Stats returns what the Agent has done so far.
func (a *Agent) Stats() Stats { return a.counts.stats() }
