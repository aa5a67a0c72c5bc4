package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Heart is a member's life in the registry: it beats, proves what the node holds,
// and reaps. A gateway has one too, without a Self: where nobody reaps, nobody
// counts as dead.
type Heart struct {
	Registry Registry
	Rules    Rules

	Self func() Node     // the node as it is now, Holds aside; nil for a gateway
	Mine func() []Claim  // what it carries: Session, Fence and Cost are read
	Wake <-chan struct{} // has it beat at once, as when it begins to drain; nil for never

	Stale  func(Claim)        // it holds this no more and must stop acting for it
	Lost   func([]Claim)      // these were lost with other nodes; nil if nobody cares
	Pulse  func(Pulse, error) // after each heartbeat; an error while the registry is away
	Reaped func(error)        // after each Reap; nil if nobody cares
}

// holdEvery is after how many heartbeats all claims are proved, whatever the count says.
const holdEvery = 5

// Run beats until ctx ends. The node stays in the registry then, until it leaves or
// counts as dead. Callbacks are called one at a time, and hold up the next heartbeat.
func (h *Heart) Run(ctx context.Context) {
	rules := h.Rules.WithDefaults()
	tick := time.NewTicker(rules.Every)
	defer tick.Stop()
	for n := 0; ; n++ {
		h.once(ctx, rules, n%holdEvery == 0)
		select {
		case <-tick.C:
		case <-h.Wake:
		case <-ctx.Done():
			return
		}
	}
}

func (h *Heart) once(ctx context.Context, rules Rules, all bool) {
	limited, cancel := context.WithTimeout(ctx, rules.Dead/2)
	defer cancel()
	if h.Self != nil {
		self, mine := h.Self(), h.Mine()
		self.Holds = len(mine)
		pulse, err := h.Registry.Beat(limited, self)
		if ctx.Err() != nil {
			return
		}
		h.Pulse(pulse, err)
		if err != nil {
			return
		}
		// The counts differ while a session comes or goes, and after a registry lost some.
		if all || pulse.Claims != len(mine) {
			h.hold(limited, self, mine)
		}
	}
	lost, err := h.Registry.Reap(limited)
	if ctx.Err() != nil {
		return
	}
	if h.Lost != nil && len(lost) > 0 {
		h.Lost(lost)
	}
	if h.Reaped != nil {
		h.Reaped(err)
	}
}

// holdAtOnce is how many claims are proved at a time: one after the other a node of
// many sessions, far from its registry, would be late with its next heartbeat.
const holdAtOnce = 8

func (h *Heart) hold(ctx context.Context, self Node, mine []Claim) {
	errs := make([]error, len(mine))
	var away atomic.Bool
	var all sync.WaitGroup
	turns := make(chan struct{}, holdAtOnce)
	for i, c := range mine {
		turns <- struct{}{}
		if away.Load() { // the next heartbeat comes to the rest again
			break
		}
		c.Node, c.Boot = self.ID, self.Boot
		all.Go(func() {
			defer func() { <-turns }()
			errs[i] = h.Registry.Hold(ctx, c)
			if errs[i] != nil && !errors.Is(errs[i], ErrStale) {
				away.Store(true)
			}
		})
	}
	all.Wait()
	for i, c := range mine {
		if errors.Is(errs[i], ErrStale) {
			c.Node, c.Boot = self.ID, self.Boot
			h.Stale(c)
		}
	}
}
