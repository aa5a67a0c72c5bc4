package asg

import (
	"math"
	"strings"
	"testing"
	"time"
)

// points reads "0 - X": fine, missing, breaching a threshold of 1.
func points(s string) []float64 {
	var out []float64
	for _, f := range strings.Fields(s) {
		out = append(out, map[string]float64{"0": 0, "X": 1, "-": math.NaN()}[f])
	}
	return out
}

// TestAlarm holds the two tables of alarms-and-missing-data.html, and what is not in them.
func TestAlarm(t *testing.T) {
	const keep = AlarmState("kept")
	for _, c := range []struct {
		n, m                                     int
		points                                   string
		missing, ignore, breaching, notBreaching AlarmState
	}{
		{3, 3, "0 - X - X", OK, OK, OK, OK},
		{3, 3, "- - - - 0", OK, OK, OK, OK},
		{3, 3, "- - - - -", Insufficient, keep, InAlarm, OK},
		{3, 3, "0 X X - X", InAlarm, InAlarm, InAlarm, InAlarm},
		{3, 3, "- - X - -", InAlarm, keep, InAlarm, OK},
		{3, 2, "0 - X - X", InAlarm, InAlarm, InAlarm, InAlarm},
		{3, 2, "0 0 X 0 X", InAlarm, InAlarm, InAlarm, InAlarm},
		{3, 2, "0 - X - -", OK, OK, InAlarm, OK},
		{3, 2, "- - - - 0", OK, OK, InAlarm, OK},
		{3, 2, "- - - - X", InAlarm, keep, InAlarm, OK},
		{1, 1, "X 0", OK, OK, OK, OK},
		{1, 1, "0 X", InAlarm, InAlarm, InAlarm, InAlarm},
		{3, 3, "X X X 0 X X", OK, OK, OK, OK},
		{3, 2, "X X 0 0 0 0", OK, OK, OK, OK}, // what is older than the range is forgotten
		{2, 2, "X", InAlarm, keep, InAlarm, OK},
	} {
		for treat, want := range map[Missing]AlarmState{MissingMissing: c.missing, MissingIgnore: c.ignore, MissingBreaching: c.breaching, MissingNotBreaching: c.notBreaching} {
			a := Alarm{Period: time.Minute, Periods: c.n, ToAlarm: c.m, Threshold: 1, Missing: treat}
			if got := a.Evaluate(keep, points(c.points)); got != want {
				t.Errorf("%d of %d, %q, %s: %s, want %s", c.m, c.n, c.points, treat, got, want)
			}
		}
	}
	below := Alarm{Periods: 1, ToAlarm: 1, Threshold: 1, Below: true}
	if below.Evaluate(OK, []float64{0}) != InAlarm || below.Evaluate(OK, []float64{1}) != OK {
		t.Error("below: at the threshold is fine, under it is not")
	}
}

// TestFlapping: an alarm that comes and goes every minute makes at most one action a cooldown, and one
// that stays makes one a warm-up.
func TestFlapping(t *testing.T) {
	const cooldown = 5 * time.Minute
	for name, value := range map[string]func(minute int) float64{
		"flaps":          func(m int) float64 { return float64(90 * (m % 2)) },
		"stays":          func(int) float64 { return 90 },
		"flaps both way": func(m int) float64 { return []float64{90, 50, 5}[m%3] },
	} {
		for _, p := range []Policy{
			{Step: 1, Cooldown: cooldown, Warmup: time.Minute,
				Out: Alarm{Period: time.Minute, Periods: 1, ToAlarm: 1, Threshold: 70}, In: Alarm{Period: time.Minute, Periods: 1, ToAlarm: 1, Threshold: 30, Below: true}},
			{Target: 60, Cooldown: cooldown,
				Out: Alarm{Period: time.Minute, Periods: 1, ToAlarm: 1, Threshold: 60}, In: Alarm{Period: time.Minute, Periods: 1, ToAlarm: 1, Threshold: 54, Below: true}},
		} {
			s, desired := NewScaler(p), 2
			var outs, ins []time.Duration
			for m := range 60 {
				now := time.Duration(m) * time.Minute
				want, acts := s.Look(t0.Add(now), now, func(time.Duration, int) []float64 { return []float64{value(m)} }, Size{Desired: desired})
				switch {
				case acts && want > desired:
					outs = append(outs, now)
				case acts:
					ins = append(ins, now)
				}
				if acts {
					desired = min(want, 50)
				}
			}
			if len(outs) == 0 {
				t.Errorf("%s, target %g: no action at all", name, p.Target)
			}
			for _, acts := range [][]time.Duration{outs, ins} {
				for i := 1; i < len(acts); i++ {
					if acts[i]-acts[i-1] < cooldown {
						t.Errorf("%s, target %g: actions at %v and %v", name, p.Target, acts[i-1], acts[i])
					}
				}
			}
		}
	}
}

// TestPolicy: what each wants of a value, and what it leaves.
func TestPolicy(t *testing.T) {
	step := Policy{Step: 1, Out: Alarm{Period: time.Minute, Periods: 1, ToAlarm: 1, Threshold: 70}, In: Alarm{Period: time.Minute, Periods: 1, ToAlarm: 1, Threshold: 30, Below: true}}
	track := Tracking("used", 50, 10*time.Second, 0)
	out := track
	out.In = Alarm{}
	many := func(v float64) []float64 {
		out := make([]float64, 20)
		for i := range out {
			out[i] = v
		}
		return out
	}
	for _, c := range []struct {
		name   string
		policy Policy
		value  float64
		size   Size
		want   int // 0: it does nothing
	}{
		{"step adds one", step, 95, Size{2, 0}, 3},
		{"step: one warms already", step, 95, Size{2, 1}, 0},
		{"step takes one", step, 10, Size{3, 0}, 2},
		{"step: nothing while one warms", step, 10, Size{3, 1}, 0},
		{"step: the last stays", step, 10, Size{1, 0}, 0},
		{"step: between", step, 50, Size{2, 0}, 0},
		{"tracking doubles", track, 100, Size{2, 0}, 4},
		{"tracking counts those that warm", track, 100, Size{3, 2}, 0},
		{"tracking: more than those that warm", track, 100, Size{5, 1}, 8},
		{"tracking takes in proportion", track, 10, Size{5, 0}, 1},
		{"tracking: in the band", track, 46, Size{3, 0}, 0},
		{"tracking outwards only", out, 10, Size{3, 0}, 0},
		{"inwards only", Policy{Step: 1, In: step.In}, 95, Size{3, 0}, 0},
		{"inwards only, quiet", Policy{Step: 1, In: step.In}, 5, Size{3, 0}, 2},
		{"tracking: no data", track, math.NaN(), Size{3, 0}, 0},
	} {
		want, acts := NewScaler(c.policy).Look(t0, 0, func(time.Duration, int) []float64 { return many(c.value) }, c.size)
		if !acts {
			want = 0
		}
		if want != c.want {
			t.Errorf("%s: wants %d, want %d", c.name, want, c.want)
		}
	}
}
