package cluster

import (
	"context"
	"errors"
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

func (h *Heart) hold(ctx context.Context, self Node, mine []Claim) {
	for _, c := range mine {
		c.Node, c.Boot = self.ID, self.Boot
		err := h.Registry.Hold(ctx, c)
		switch {
		case errors.Is(err, ErrStale):
			h.Stale(c)
		case err != nil: // the next heartbeat comes to it again
			return
		}
	}
}
