package asg

import (
	"math"
	"time"
)

// Policy is a scaling policy of one metric: step scaling by Step, or target tracking where Target is
// over 0. The rules are those of autoscaling/ec2/userguide/as-scaling-simple-step.html,
// as-scaling-target-tracking.html and ec2-auto-scaling-default-instance-warmup.html.
type Policy struct {
	Metric   string
	Out, In  Alarm
	Step     int     // instances that step scaling adds; it takes one away
	Target   float64 // of target tracking
	Warmup   time.Duration
	Cooldown time.Duration // of simple scaling: between two actions in one direction, and before scale-in after any
}

// scaleInBand is how far below its target target tracking begins to scale in.
const scaleInBand = 0.9

// Tracking makes the policy of target tracking, with the alarms that AWS makes for it: 3 data points
// above the target, 15 below nine tenths of it. It has no cooldown; instances that warm up hold it back.
func Tracking(metric string, target float64, period, warmup time.Duration) Policy {
	return Policy{
		Metric: metric, Target: target, Warmup: warmup,
		Out: Alarm{Period: period, Periods: 3, ToAlarm: 3, Threshold: math.Nextafter(target, math.Inf(1)), Missing: MissingMissing},
		In:  Alarm{Period: period, Periods: 15, ToAlarm: 15, Threshold: scaleInBand * target, Below: true, Missing: MissingMissing},
	}
}

// Scaler is a policy at work. One goroutine uses it.
type Scaler struct {
	Policy
	out, in Invocations
	lastOut time.Time
	lastIn  time.Time
	states  [2]AlarmState
}

// NewScaler returns a policy that has not acted yet.
func NewScaler(p Policy) *Scaler {
	return &Scaler{Policy: p, states: [2]AlarmState{Insufficient, Insufficient}}
}

// Size is what a policy must know of its group.
type Size struct {
	Desired int
	Warming int // not in service yet, or not for long enough
}

// Look evaluates the alarms that are due at this time since began, on points, and returns the size that
// the policy wants, if it acts. Where both alarms invoke it, the larger size counts.
func (s *Scaler) Look(at time.Time, since time.Duration, points func(period time.Duration, n int) []float64, size Size) (want int, acts bool) {
	look := func(a Alarm, state *AlarmState, i *Invocations) (float64, bool) {
		if a.Period == 0 || since%a.Every() != 0 {
			return 0, false
		}
		got := points(a.Period, a.Range())
		*state = a.Evaluate(*state, got)
		return newest(got), i.Look(at, *state)
	}
	high, out := look(s.Out, &s.states[0], &s.out)
	low, in := look(s.In, &s.states[1], &s.in)
	if out {
		if want, acts = s.scaleOut(at, high, size); acts {
			return want, true
		}
	}
	if in {
		return s.scaleIn(at, low, size)
	}
	return 0, false
}

// States returns what the alarms for scale-out and scale-in said last.
func (s *Scaler) States() (out, in AlarmState) { return s.states[0], s.states[1] }

// scaleOut counts on from those that have warmed up: while others warm, the same breach adds none.
func (s *Scaler) scaleOut(at time.Time, value float64, size Size) (int, bool) {
	ready := max(size.Desired-size.Warming, 0)
	want := ready + s.Step
	if s.Target > 0 {
		want = int(math.Ceil(float64(ready) * value / s.Target))
	}
	if want <= size.Desired || math.IsNaN(value) || at.Sub(s.lastOut) < s.Cooldown {
		return 0, false
	}
	s.lastOut = at
	return want, true
}

// scaleIn takes nothing away while instances warm up.
func (s *Scaler) scaleIn(at time.Time, value float64, size Size) (int, bool) {
	want := size.Desired - 1
	if s.Target > 0 {
		want = int(math.Ceil(float64(size.Desired) * value / s.Target))
	}
	if want >= size.Desired || size.Desired <= 1 || math.IsNaN(value) || size.Warming > 0 || at.Sub(s.lastOut) < s.Cooldown || at.Sub(s.lastIn) < s.Cooldown {
		return 0, false
	}
	s.lastIn = at
	return max(want, 1), true
}

// newest returns the last data point that is there.
func newest(points []float64) float64 {
	for i := len(points) - 1; i >= 0; i-- {
		if !math.IsNaN(points[i]) {
			return points[i]
		}
	}
	return math.NaN()
}
