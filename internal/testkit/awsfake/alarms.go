package awsfake

import (
	"fmt"
	"time"

	"livedub/internal/testkit/asg"
)

// alarm is one of a policy's two.
type alarm struct {
	asg.Alarm
	name   string
	policy Policy
	in     bool // for scale-in
	state  asg.AlarmState
	since  time.Time
	turns  []turn
}

// turn is a change of an alarm's state.
type turn struct {
	at       time.Time
	from, to asg.AlarmState
}

// newAlarms returns the alarms of a policy, named as AWS names its own.
func newAlarms(group string, p Policy, at time.Time) []*alarm {
	name := p.Name + "-Alarm"
	if p.Target > 0 {
		name = "TargetTracking-" + group + "-Alarm"
	}
	var out []*alarm
	for _, a := range []*alarm{{Alarm: p.Out, name: name + "High"}, {Alarm: p.In, name: name + "Low", in: true}} {
		if a.Period == 0 {
			continue
		}
		if p.Target > 0 {
			a.name += "-" + p.Name
		}
		a.policy, a.state, a.since = p, asg.Insufficient, at
		out = append(out, a)
	}
	return out
}

// look has the policies of a group look at their alarms.
func (f *Fake) look(g *group, at time.Time) {
	g.looked = at
	for i, s := range g.scalers {
		p := g.Policies[i]
		points := func(period time.Duration, n int) []float64 {
			return f.points(seriesOf(p.Namespace, p.Metric, groupOnly(g.Name)), period, n, at, g.Delay)
		}
		size := asg.Size{Desired: g.sizes.Desired(), Warming: g.sizes.Warming(at, p.Warmup)}
		want, acts := s.Look(at, at.Sub(time.Unix(0, 0)), points, size)
		name := ""
		out, in := s.States()
		for _, a := range g.alarms {
			if a.policy.Name != p.Name {
				continue
			}
			now := out
			if a.in {
				now = in
			}
			if now != a.state {
				a.turns = append(a.turns, turn{at, a.state, now})
				a.state, a.since = now, at
			}
			if a.in == (want < size.Desired) {
				name = a.name
			}
		}
		if acts {
			changes := g.sizes.SetDesired(at, want)
			f.act(g, at, fmt.Sprintf("a monitor alarm %s in state ALARM triggered policy %s changing the desired capacity from %d to %d", name, p.Name, size.Desired, g.sizes.Desired()), changes)
		}
	}
}
