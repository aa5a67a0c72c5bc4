package awsfake

import (
	"context"
	"fmt"
	"time"

	"livedub/internal/testkit/asg"
)

// stepTime is how often Run lets time pass.
const stepTime = 100 * time.Millisecond

// timer is what EC2 will have done with an instance.
type timer struct {
	at time.Time
	id string
	on asg.Event // Hooked: it runs
}

// Run lets time pass until ctx ends: callbacks are called in the caller's goroutine.
func (f *Fake) Run(ctx context.Context) {
	tick := time.NewTicker(stepTime)
	defer tick.Stop()
	for {
		f.Step(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Step has happen what happens until now: each at its time, whenever somebody looks.
func (f *Fake) Step(now time.Time) {
	defer f.tell()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step(now)
}

// now locks the Fake as it is now, and returns what unlocks it.
func (f *Fake) now() func() {
	f.mu.Lock()
	f.step(time.Now())
	return func() {
		f.step(time.Now()) // what takes no time
		f.mu.Unlock()
		f.tell()
	}
}

// step does what is due, in the order of time; at one time first what EC2 has done, then what a
// hook's time ends, then the alarms.
func (f *Fake) step(now time.Time) {
	for {
		var at time.Time
		var next func()
		sooner := func(t time.Time, do func()) {
			if !t.After(now) && (next == nil || t.Before(at)) {
				at, next = t, do
			}
		}
		for _, g := range f.groups {
			for i, t := range g.timers {
				sooner(t.at, func() { f.booted(g, i) })
			}
			if t, ok := g.sizes.Due(); ok {
				sooner(t, func() { f.act(g, t, "a lifecycle hook's time was over, or a state passed", g.sizes.Expire(t)) })
			}
			if t := g.looked.Truncate(asg.Grid).Add(asg.Grid); len(g.scalers) > 0 {
				sooner(t, func() { f.look(g, t) })
			}
		}
		if next == nil {
			return
		}
		next()
	}
}

// booted has happen what EC2 had to do.
func (f *Fake) booted(g *group, i int) {
	t := g.timers[i]
	g.timers = append(g.timers[:i], g.timers[i+1:]...)
	var changes []asg.Change
	var err error
	if t.on == asg.Hooked {
		changes, err = g.sizes.Running(t.at, t.id)
	} else {
		changes, err = g.sizes.Done(t.at, t.id, t.on)
	}
	if err != nil {
		panic(fmt.Sprintf("awsfake: %v", err)) // timers follow from states that nothing else leaves
	}
	f.act(g, t.at, "EC2 was done", changes)
}

// act takes what changed and why.
func (f *Fake) act(g *group, at time.Time, because string, changes []asg.Change) {
	g.because = "At " + at.UTC().Format(time.RFC3339) + " " + because
	f.apply(g, changes)
}

// apply has EC2 do what follows from the group's changes.
func (f *Fake) apply(g *group, changes []asg.Change) {
	for _, c := range changes {
		in := f.instances[c.Instance]
		if in == nil {
			in = &instance{id: c.Instance, group: g}
			f.instances[c.Instance] = in
		}
		in.state = c.To
		in.history = append(in.history, c)
		f.note(g, c)
		if g.Changed != nil {
			f.told = append(f.told, func() { g.Changed(c) })
		}
		if (c.From == asg.Pending || c.From == asg.WarmedPending) && !in.runs {
			f.boot(in)
		}
		after := func(d time.Duration, on asg.Event) { g.timers = append(g.timers, timer{c.At.Add(d), c.Instance, on}) }
		switch {
		case c.To == asg.Pending && c.From == asg.WarmedRunning:
			after(g.Pass, asg.Hooked)
		case c.To == asg.Pending && c.From == asg.WarmedStopped:
			after(g.EC2.Warm, asg.Hooked)
		case c.On == asg.ScaleOut, c.On == asg.FillPool:
			after(g.EC2.Cold, asg.Hooked)
		case c.To == asg.WarmedPendingProceed && !g.Running:
			f.halt(in)
			after(g.EC2.Stop, asg.Stopped)
		case c.To == asg.TerminatingProceed, c.To == asg.WarmedTerminatingProceed:
			f.halt(in)
			after(g.EC2.Stop, asg.Gone)
		}
	}
}

// boot has the machine of an instance come up.
func (f *Fake) boot(in *instance) {
	if warm := in.ran; in.group.Start != nil {
		f.told = append(f.told, func() { in.group.Start(in.id, warm) })
	}
	in.runs, in.ran = true, true
}

// halt has the machine of an instance go down, if it is up.
func (f *Fake) halt(in *instance) {
	if in.runs && in.group.Stop != nil {
		f.told = append(f.told, func() { in.group.Stop(in.id) })
	}
	in.runs = false
}

// tell calls what callbacks wait. One goroutine does at a time, so that their order is kept.
func (f *Fake) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.telling {
		return
	}
	f.telling = true
	for len(f.told) > 0 {
		next := f.told[0]
		f.told = f.told[1:]
		f.mu.Unlock()
		next()
		f.mu.Lock()
	}
	f.telling = false
}
