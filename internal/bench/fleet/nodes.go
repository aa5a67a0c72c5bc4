package fleet

import (
	"slices"
	"time"

	"livedub/internal/testkit/asg"
)

// apply lets the instances do what follows from the group's changes.
func (s *sim) apply(changes []asg.Change) {
	s.run.Changes = append(s.run.Changes, changes...)
	for _, c := range changes {
		n := s.node(c)
		if c.To == asg.Pending {
			n.off = false
		}
		s.pay(n, c.From, c.To)
		n.state = c.To
		switch c.To {
		case asg.Pending:
			n.leaving = false
			s.launch(n)
		case asg.WarmedPending:
			if c.On == asg.FillPool {
				s.launch(n)
				continue
			}
			n.serving, n.leaving = false, true
		case asg.Terminating, asg.WarmedTerminating:
			n.serving, n.leaving = false, true
		case asg.PendingWait:
			s.boot(n)
		case asg.WarmedStopped:
			n.off = true
		case asg.WarmedPendingWait, asg.TerminatingWait, asg.WarmedTerminatingWait:
			switch {
			case n.off: // nobody is there to complete it: its time must end
			case !n.leaving:
				s.boot(n)
			case n.used == 0:
				s.drained(n)
			}
		case asg.WarmedPendingProceed:
			s.done(n, asg.Stopped)
		case asg.TerminatingProceed, asg.WarmedTerminatingProceed:
			s.done(n, asg.Gone)
		case asg.Terminated, asg.WarmedTerminated:
			s.nodes = slices.DeleteFunc(s.nodes, func(m *node) bool { return m == n })
		}
	}
	s.hooks()
}

// hooks ends the next hook whose time will be over, then.
func (s *sim) hooks() {
	due, ok := s.group.Due()
	if !ok || due.Equal(s.due) {
		return
	}
	s.due = due
	s.at(due.Sub(s.time()), func() {
		if s.due.Equal(due) {
			s.due = time.Time{}
		}
		s.apply(s.group.Expire(s.time()))
	})
}

// node returns the node of a change; the first of an instance makes it.
func (s *sim) node(c asg.Change) *node {
	for _, n := range s.nodes {
		if n.id == c.Instance {
			return n
		}
	}
	n := &node{id: c.Instance, born: s.now}
	s.nodes = append(s.nodes, n)
	return n
}

// pay adds up what an instance costs when it leaves a state.
func (s *sim) pay(n *node, from, to asg.State) {
	switch {
	case !n.paid(from) && n.paid(to):
		n.since = s.now
	case n.paid(from) && !n.paid(to):
		hours := (s.now - n.since).Hours()
		s.run.GPUHours += hours
		s.run.USD += hours * s.f.Node.USDHour
	}
	if to.Ended() {
		const monthHours = 730
		s.run.USD += (s.now - n.born).Hours() * s.f.Node.DiskGB * s.f.Node.USDGBMonth / monthHours
	}
}

// paid tells whether the instance costs by the hour in a state.
func (n *node) paid(in asg.State) bool { return in.Running() && !n.off }

func (s *sim) phases(n *node) Boot {
	if n.booted {
		return s.f.Boot.Warm
	}
	return s.f.Boot.Cold
}

// launch lets EC2 start an instance.
func (s *sim) launch(n *node) {
	s.at(s.takes(s.phases(n).LaunchS), func() { s.apply(s.must(s.group.Running(s.time(), n.id))) })
}

// boot brings an instance up and completes its launching hook: registered on the way into service,
// tried and stopped on the way into the warm pool.
func (s *sim) boot(n *node) {
	p, into, began := s.phases(n), n.state, s.now
	wait := s.takes(p.BootS) + s.takes(p.DriverS) + s.takes(p.EnginesS) + s.takes(p.RegisterS)
	s.at(wait, func() {
		if n.state != into {
			return // its hook's time was over
		}
		n.booted = true
		if into == asg.PendingWait {
			n.serving = true
			if s.now > 0 {
				s.run.Starts = append(s.run.Starts, (s.now - min(began, n.since)).Seconds())
			}
		}
		s.apply(s.must(s.group.Complete(s.time(), n.id, asg.Continue)))
	})
}

// drained completes the terminating hook of a node that has no sessions.
func (s *sim) drained(n *node) {
	s.at(s.takes(s.f.Boot.DrainS), func() {
		if n.state.Waits() {
			s.apply(s.must(s.group.Complete(s.time(), n.id, asg.Continue)))
		}
	})
}

// done lets EC2 stop or end an instance.
func (s *sim) done(n *node, what asg.Event) {
	s.at(s.takes(s.f.Boot.StopS), func() { s.apply(s.must(s.group.Done(s.time(), n.id, what))) })
}

func (s *sim) must(changes []asg.Change, err error) []asg.Change {
	if err != nil {
		panic("fleet: " + err.Error())
	}
	return changes
}

// config is the group's, with or without a warm pool.
func (f *Frozen) config(warm bool) asg.Config {
	timeout := time.Duration(f.Group.HookTimeoutS * float64(time.Second))
	c := asg.Config{
		Min: f.Group.Min, Max: f.Group.Max,
		Launch:    asg.Hook{On: true, Timeout: timeout, Default: asg.Abandon},
		Terminate: asg.Hook{On: true, Timeout: timeout, Default: asg.Continue},
	}
	if warm {
		c.Prepared, c.Reuse = f.Group.Max, true
	}
	return c
}
