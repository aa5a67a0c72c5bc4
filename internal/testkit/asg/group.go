package asg

import (
	"fmt"
	"time"
)

// Hook is one lifecycle hook.
type Hook struct {
	On      bool
	Name    string
	Timeout time.Duration // how long it waits for a heartbeat
	Default Event         // what follows then: Continue or Abandon
}

// maxHeartbeats bounds a hook: 100 times its timeout, and at most 48 hours.
const (
	maxHeartbeats = 100
	maxWait       = 48 * time.Hour
)

// Config is a group's.
type Config struct {
	Min, Max  int
	Prepared  int  // instances in the group and the warm pool together; 0 is no warm pool
	Reuse     bool // scale-in gives instances back to the warm pool
	Running   bool // the warm pool keeps its instances running
	Launch    Hook // at Pending:Wait and Warmed:Pending:Wait
	Terminate Hook // at Terminating:Wait, and on the way back to the warm pool

	Pass time.Duration      // how long an instance stays in a state that passes by itself
	ID   func(n int) string // names the nth instance; nil: i-0001 and so on
}

// Instance is one of the group's.
type Instance struct {
	ID        string
	State     State
	Since     time.Time // of the state
	Protected bool      // from scale-in

	back     bool      // on its way back to the warm pool
	lost     bool      // EC2 has ended it
	asked    time.Time // when the hook began to wait
	deadline time.Time // of the hook, or of a state that passes; zero: none
}

// Change is one transition of one instance.
type Change struct {
	At       time.Time `json:"at"`
	Instance string    `json:"instance"`
	From     State     `json:"from"`
	On       Event     `json:"on"`
	To       State     `json:"to"`
}

// Group is an Auto Scaling group. One goroutine uses it.
type Group struct {
	cfg       Config
	desired   int
	launched  int
	instances []*Instance // in the order of their launch; the ended are taken out
	changes   []Change    // since the last answer
}

// NewGroup makes a group of the smallest size; the changes are its first launches.
func NewGroup(at time.Time, cfg Config) (*Group, []Change) {
	g := &Group{cfg: cfg, desired: cfg.Min}
	g.settle(at)
	return g, g.answer()
}

// Desired returns the size that is wanted.
func (g *Group) Desired() int { return g.desired }

// Instances returns all that have not ended, in the order of their launch.
func (g *Group) Instances() []Instance {
	out := make([]Instance, len(g.instances))
	for i, in := range g.instances {
		out[i] = *in
	}
	return out
}

// SetDesired asks for n instances, within the group's bounds.
func (g *Group) SetDesired(at time.Time, n int) []Change {
	g.desired = min(max(n, g.cfg.Min), g.cfg.Max)
	g.settle(at)
	return g.answer()
}

// Warming counts the instances on their way into service, and those that have been in service for less
// than warmup.
func (g *Group) Warming(at time.Time, warmup time.Duration) int {
	n := 0
	for _, in := range g.instances {
		if in.State.InGroup() && (in.State != InService || at.Sub(in.Since) < warmup) {
			n++
		}
	}
	return n
}

// Running says that EC2 runs the instance, which is Pending or Warmed:Pending.
func (g *Group) Running(at time.Time, id string) ([]Change, error) {
	in, err := g.find(id, Hooked)
	if err != nil {
		return nil, err
	}
	if in.State != Pending && in.State != WarmedPending {
		return nil, ErrTransition{id, in.State, Hooked}
	}
	g.pause(at, in, g.cfg.Launch)
	g.settle(at)
	return g.answer(), nil
}

// Complete ends a hook's wait, by Continue or Abandon.
func (g *Group) Complete(at time.Time, id string, result Event) ([]Change, error) {
	in, err := g.find(id, result)
	if err != nil {
		return nil, err
	}
	if !in.State.Waits() || result != Continue && result != Abandon {
		return nil, ErrTransition{id, in.State, result}
	}
	g.complete(at, in, result)
	g.settle(at)
	return g.answer(), nil
}

// Heartbeat starts a hook's time again.
func (g *Group) Heartbeat(at time.Time, id string) error {
	in, err := g.find(id, "heartbeat")
	if err != nil {
		return err
	}
	if !in.State.Waits() {
		return ErrTransition{id, in.State, "heartbeat"}
	}
	h := g.hook(in)
	last := in.asked.Add(min(maxHeartbeats*h.Timeout, maxWait))
	in.deadline = at.Add(h.Timeout)
	if in.deadline.After(last) {
		in.deadline = last
	}
	return nil
}

// Done says that EC2 has stopped or ended an instance.
func (g *Group) Done(at time.Time, id string, what Event) ([]Change, error) {
	in, err := g.find(id, what)
	if err != nil {
		return nil, err
	}
	if _, ok := Next(in.State, what); !ok || what != Stopped && what != Gone {
		return nil, ErrTransition{id, in.State, what}
	}
	g.move(at, in, what)
	g.settle(at)
	return g.answer(), nil
}

// Protect sets or lifts an instance's protection from scale-in.
func (g *Group) Protect(at time.Time, id string, on bool) ([]Change, error) {
	in, err := g.find(id, "protect")
	if err != nil {
		return nil, err
	}
	if in.State != InService && in.State != Standby {
		return nil, ErrTransition{id, in.State, "protect"}
	}
	in.Protected = on
	g.settle(at)
	return g.answer(), nil
}

// Due returns when the time of the next hook, or of a state that passes, is over.
func (g *Group) Due() (due time.Time, ok bool) {
	for _, in := range g.instances {
		if !in.deadline.IsZero() && (!ok || in.deadline.Before(due)) {
			due, ok = in.deadline, true
		}
	}
	return due, ok
}

// Expire ends the hooks whose time is over, as each's default says, and the states that have passed.
func (g *Group) Expire(at time.Time) []Change {
	for _, in := range g.instances {
		switch {
		case in.deadline.IsZero() || in.deadline.After(at):
		case in.State.Waits():
			g.complete(at, in, g.hook(in).Default)
		default:
			g.passed(at, in)
		}
	}
	g.settle(at)
	return g.answer()
}

func (g *Group) find(id string, on Event) (*Instance, error) {
	for _, in := range g.instances {
		if in.ID == id {
			return in, nil
		}
	}
	return nil, ErrTransition{id, Terminated, on}
}

// answer returns what changed, and forgets it and the ended.
func (g *Group) answer() []Change {
	keep := g.instances[:0]
	for _, in := range g.instances {
		if !in.State.Ended() {
			keep = append(keep, in)
		}
	}
	g.instances = keep
	out := g.changes
	g.changes = nil
	return out
}

// move makes a transition that the table has.
func (g *Group) move(at time.Time, in *Instance, on Event) {
	to, ok := Next(in.State, on)
	if !ok {
		panic(fmt.Sprintf("asg: %v", ErrTransition{in.ID, in.State, on}))
	}
	g.changes = append(g.changes, Change{at, in.ID, in.State, on, to})
	in.State, in.Since, in.deadline = to, at, time.Time{}
}

// linger lets a state pass that passes by itself.
func (g *Group) linger(at time.Time, in *Instance) {
	if g.cfg.Pass > 0 {
		in.deadline = at.Add(g.cfg.Pass)
		return
	}
	g.passed(at, in)
}

func (g *Group) passed(at time.Time, in *Instance) {
	switch in.State {
	case Terminating, WarmedTerminating, WarmedPending:
		g.pause(at, in, g.cfg.Terminate)
	case Pending: // out of standby
		g.move(at, in, NoHook)
		g.linger(at, in)
	case PendingProceed:
		g.move(at, in, Attached)
		if in.lost {
			g.move(at, in, Lost)
			g.linger(at, in)
		}
	case EnteringStandby:
		g.move(at, in, Rests)
	}
}

// pause moves an instance into its hook's wait, or past it.
func (g *Group) pause(at time.Time, in *Instance, h Hook) {
	if h.On {
		g.move(at, in, Hooked)
		in.asked, in.deadline = at, at.Add(h.Timeout)
		return
	}
	g.move(at, in, NoHook)
	g.proceed(at, in)
}

// hook returns what an instance that waits is waiting for.
func (g *Group) hook(in *Instance) Hook {
	if in.State == PendingWait || in.State == WarmedPendingWait && !in.back {
		return g.cfg.Launch
	}
	return g.cfg.Terminate
}

func (g *Group) complete(at time.Time, in *Instance, result Event) {
	g.move(at, in, result)
	g.proceed(at, in)
}

func (g *Group) proceed(at time.Time, in *Instance) {
	switch {
	case in.State == PendingProceed, in.State == Terminating, in.State == WarmedTerminating: // the last two: abandoned
		g.linger(at, in)
	case in.State == WarmedPendingProceed && g.cfg.Running:
		g.move(at, in, Kept)
	}
}

// settle launches and ends instances until the sizes are those that are wanted, as far as
// protection allows.
func (g *Group) settle(at time.Time) {
	for g.count(State.InGroup) < g.desired {
		in := g.first(func(in *Instance) bool { return in.State.Spare() })
		if in == nil {
			in = g.launch()
		}
		in.back, in.Protected = false, false
		g.move(at, in, ScaleOut)
	}
	for g.count(State.InGroup) > g.desired {
		in := g.first(func(in *Instance) bool { return in.State == InService && !in.Protected })
		if in == nil {
			break
		}
		if g.cfg.Reuse && g.count(State.InPool)+g.count(State.InGroup) <= g.cfg.Prepared {
			in.back = true
			g.move(at, in, Reuse)
		} else {
			g.move(at, in, ScaleIn)
		}
		g.linger(at, in)
	}
	for g.count(State.InPool) < g.room() {
		g.move(at, g.launch(), FillPool)
	}
	for g.count(State.InPool) > g.room() {
		in := g.first(func(in *Instance) bool { return in.State.Spare() })
		if in == nil {
			break
		}
		g.move(at, in, Shrink)
		g.linger(at, in)
	}
}

// room is how many the warm pool should have.
func (g *Group) room() int { return max(g.cfg.Prepared-max(g.desired, g.count(State.InGroup)), 0) }

func (g *Group) launch() *Instance {
	g.launched++
	in := &Instance{ID: fmt.Sprintf("i-%04d", g.launched)}
	if g.cfg.ID != nil {
		in.ID = g.cfg.ID(g.launched)
	}
	g.instances = append(g.instances, in)
	return in
}

func (g *Group) count(in func(State) bool) int {
	n := 0
	for _, i := range g.instances {
		if in(i.State) {
			n++
		}
	}
	return n
}

func (g *Group) first(want func(*Instance) bool) *Instance {
	for _, in := range g.instances {
		if want(in) {
			return in
		}
	}
	return nil
}
