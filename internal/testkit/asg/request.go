package asg

import (
	"fmt"
	"time"
)

// Config returns what the group was made with.
func (g *Group) Config() Config { return g.cfg }

// Instance returns one that has not ended.
func (g *Group) Instance(id string) (Instance, bool) {
	in, err := g.find(id, "")
	if err != nil {
		return Instance{}, false
	}
	return *in, true
}

// Healthy tells whether EC2 still has the machine.
func (in Instance) Healthy() bool { return !in.lost }

// Waiting returns the hook that an instance waits for.
func (g *Group) Waiting(id string) (Hook, bool) {
	in, err := g.find(id, "")
	if err != nil || !in.State.Waits() {
		return Hook{}, false
	}
	return g.hook(in), true
}

// End ends an instance that somebody names, protected or not, and wants one less with it. One that
// is already on its way out stays on it: there is no row for it.
func (g *Group) End(at time.Time, id string) ([]Change, error) {
	in, err := g.apply(at, id, Ended)
	if err != nil {
		return nil, err
	}
	g.desired = max(g.desired-1, g.cfg.Min)
	g.linger(at, in)
	g.settle(at)
	return g.answer(), nil
}

// Lose says that EC2 ended an instance and nobody had asked the group. The group replaces one in
// service; one that a hook waits for goes on when its time is over.
func (g *Group) Lose(at time.Time, id string) ([]Change, error) {
	in, err := g.find(id, Lost)
	if err != nil {
		return nil, err
	}
	deadline := in.deadline
	if in, err = g.apply(at, id, Lost); err != nil {
		return nil, err
	}
	in.lost = true
	if in.State.Waits() {
		in.deadline = deadline
	} else {
		g.linger(at, in)
	}
	g.settle(at)
	return g.answer(), nil
}

// Rest takes an instance out of service without ending it, and wants one less with it.
func (g *Group) Rest(at time.Time, id string) ([]Change, error) {
	if g.desired <= g.cfg.Min {
		return nil, fmt.Errorf("instance %q: %d instances are the fewest the group may have: none can enter standby", id, g.cfg.Min)
	}
	in, err := g.apply(at, id, Resting)
	if err != nil {
		return nil, err
	}
	g.desired--
	g.linger(at, in)
	g.settle(at)
	return g.answer(), nil
}

// Return puts an instance back that Rest took, past every hook.
func (g *Group) Return(at time.Time, id string) ([]Change, error) {
	if g.desired >= g.cfg.Max {
		return nil, fmt.Errorf("instance %q: %d instances are the most the group may have: none can leave standby", id, g.cfg.Max)
	}
	in, err := g.apply(at, id, Return)
	if err != nil {
		return nil, err
	}
	g.desired++
	g.linger(at, in)
	g.settle(at)
	return g.answer(), nil
}

// apply makes the transition of a request, if the table has it.
func (g *Group) apply(at time.Time, id string, on Event) (*Instance, error) {
	in, err := g.find(id, on)
	if err != nil {
		return nil, err
	}
	if _, ok := Next(in.State, on); !ok {
		return nil, ErrTransition{id, in.State, on}
	}
	g.move(at, in, on)
	return in, nil
}
