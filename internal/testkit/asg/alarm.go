package asg

import (
	"math"
	"time"
)

// AlarmState is what an alarm says.
type AlarmState string

// The states of an alarm.
const (
	OK           AlarmState = "OK"
	InAlarm      AlarmState = "ALARM"
	Insufficient AlarmState = "INSUFFICIENT_DATA"
)

// Missing is how an alarm treats data points that are not there.
type Missing string

// The treatments, under AWS's names.
const (
	MissingMissing      Missing = "missing"
	MissingIgnore       Missing = "ignore"
	MissingBreaching    Missing = "breaching"
	MissingNotBreaching Missing = "notBreaching"
)

// rangeExtra is how many data points more than its periods an alarm looks back for, where some are
// missing; AWS's own tables show two.
const rangeExtra = 2

// Grid is how often alarms on periods of less than a minute are looked at; slowest how often the others.
const (
	Grid    = 10 * time.Second
	slowest = time.Minute
)

// Alarm is a CloudWatch alarm on one metric: M of N data points. The rules are those of
// AmazonCloudWatch/latest/monitoring/alarm-evaluation.html and alarms-and-missing-data.html.
type Alarm struct {
	Period    time.Duration
	Periods   int // N, evaluation periods
	ToAlarm   int // M, data points to alarm
	Threshold float64
	Below     bool // breaching is below the threshold; otherwise at it or above
	Missing   Missing
}

// Every returns how often the alarm is looked at.
func (a Alarm) Every() time.Duration {
	if a.Period < slowest {
		return Grid
	}
	return slowest
}

// Range returns how many data points Evaluate wants to see.
func (a Alarm) Range() int { return a.Periods + rangeExtra }

// Evaluate returns the state after before, given the newest data points, oldest first; NaN is one that is
// missing.
func (a Alarm) Evaluate(before AlarmState, points []float64) AlarmState {
	real, breaching := 0, 0
	for i := len(points) - 1; i >= max(len(points)-a.Range(), 0) && real < a.Periods; i-- {
		if math.IsNaN(points[i]) {
			continue
		}
		real++
		if a.Below && points[i] < a.Threshold || !a.Below && points[i] >= a.Threshold {
			breaching++
		}
	}
	if a.Missing == MissingBreaching {
		breaching += a.Periods - real
	}
	switch {
	case breaching >= a.ToAlarm:
		return InAlarm
	case a.Missing == MissingBreaching || a.Missing == MissingNotBreaching:
		return OK
	case real == 0 && a.Missing == MissingIgnore:
		return before
	case real == 0:
		return Insufficient
	case breaching == real && real < a.ToAlarm && a.Missing == MissingIgnore:
		return before
	case breaching == real && real < a.ToAlarm: // all that is known is breaching
		return InAlarm
	}
	return OK
}

// Invocations says when a policy hears of its alarm: at the change to ALARM, then once a minute while it
// lasts.
type Invocations struct {
	last time.Time
	in   bool
}

// Look takes the alarm's state and tells whether the policy is invoked now.
func (i *Invocations) Look(at time.Time, s AlarmState) bool {
	was := i.in
	i.in = s == InAlarm
	if !i.in || was && at.Sub(i.last) < slowest {
		return false
	}
	i.last = at
	return true
}
