package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"livedub/internal/testkit/asg"
)

// Spec is a policy that is compared.
type Spec struct {
	Name     string
	Warm     bool // with a warm pool
	Fixed    bool // the most nodes, always: the least that can be blocked
	Policies []asg.Policy
}

// What ours was tuned to, on the training traces alone.
const (
	ourTarget  = 56.0 // % of used capacity
	ourIn      = 24.0 // % under which a node goes
	ourQuiet   = 10   // minutes
	bothTarget = 48.0 // of tracking both ways
	ourWarmup  = 20 * time.Second
)

// The two that are shown beside each other.
const (
	notesWarm = "notes, warm pool"
	oursWarm  = "ours, warm pool"
)

// Shown are the policies of the pictures of traces.
var Shown = [2]string{notesWarm, oursWarm}

// cooldown is simple scaling's own.
const cooldown = 5 * time.Minute

// Specs are the policies that are compared: the notes' and ours, cold and warm, and what lies between.
func Specs() []Spec {
	return []Spec{
		{Name: "notes, cold", Policies: notes(time.Minute, cooldown)},
		{Name: notesWarm, Warm: true, Policies: notes(time.Minute, cooldown)},
		{Name: "notes, warm pool, no cooldown", Warm: true, Policies: notes(time.Minute, 0)},
		{Name: "notes, warm pool, no cooldown, 10 s metrics", Warm: true, Policies: notes(10*time.Second, 0)},
		{Name: "tracking both ways, warm pool", Warm: true, Policies: []asg.Policy{asg.Tracking(metricUsed, bothTarget, 10*time.Second, ourWarmup)}},
		{Name: "ours, cold", Policies: ours(10 * time.Second)},
		{Name: "ours, warm pool, 60 s metrics", Warm: true, Policies: ours(time.Minute)},
		{Name: oursWarm, Warm: true, Policies: ours(10 * time.Second)},
		{Name: "all nodes, always", Fixed: true},
	}
}

// notes is the notes' policy: one more at CPU >= 70 % or GPU memory >= 80 %.
// Simple scaling has a cooldown, step scaling has none.
func notes(period, cooldown time.Duration) []asg.Policy {
	out := asg.Alarm{Period: period, Periods: 1, ToAlarm: 1, Threshold: 70, Missing: asg.MissingMissing}
	memory := out
	memory.Threshold = 80
	quiet := int(15 * time.Minute / period)
	in := asg.Alarm{Period: period, Periods: quiet, ToAlarm: quiet, Threshold: 30, Below: true, Missing: asg.MissingMissing}
	return []asg.Policy{
		{Metric: metricCPU, Out: out, In: in, Step: 1, Warmup: time.Minute, Cooldown: cooldown},
		{Metric: metricGPUMemory, Out: memory, Step: 1, Warmup: time.Minute, Cooldown: cooldown},
	}
}

// ours tracks a target of used capacity, outwards only, and takes a node away after ten quiet minutes:
// tracking both ways starts and stops nodes all day.
func ours(period time.Duration) []asg.Policy {
	out := asg.Tracking(metricUsed, ourTarget, period, ourWarmup)
	out.In = asg.Alarm{}
	in := asg.Alarm{Period: time.Minute, Periods: ourQuiet, ToAlarm: ourQuiet, Threshold: ourIn, Below: true, Missing: asg.MissingMissing}
	return []asg.Policy{out, {Metric: metricUsed, Step: 1, In: in, Warmup: ourWarmup}}
}

// Result is one policy on one trace, over all seeds.
type Result struct {
	Name       string  `json:"name"`
	Trace      string  `json:"trace"`
	HeldOut    bool    `json:"held_out"`
	Goal       bool    `json:"goal"` // the goal is judged by this trace
	Calls      int     `json:"calls"`
	BlockedPct float64 `json:"blocked_pct"` // refused at the first try
	WorstPct   float64 `json:"worst_pct"`   // of the seeds
	GaveUpPct  float64 `json:"gave_up_pct"` // never served
	WaitP95S   float64 `json:"wait_p95_s"`  // of those who were served, those who waited for nothing with them
	StartS     float64 `json:"start_s"`     // from the decision to the first place, median; 0 where nothing was started
	Starts     float64 `json:"starts"`      // of nodes, a run, mean
	GPUHours   float64 `json:"gpu_hours"`   // of one run of the trace, mean
	CostUSD    float64 `json:"cost_usd"`    // the same
	PeakNodes  int     `json:"peak_nodes"`

	Series []Sample `json:"-"` // of the first seed
}

// Loss is a fleet of a fixed size beside Erlang's formula.
type Loss struct {
	Servers   int     `json:"servers"`
	Offered   float64 `json:"offered"`
	Theory    float64 `json:"theory"`
	Simulated float64 `json:"simulated"`
}

// Figures is what the bench tells.
type Figures struct {
	Frozen   string   `json:"frozen"`
	Seeds    int      `json:"seeds"` // runs of each policy on each trace
	Policies []Result `json:"policies"`
	Erlang   []Loss   `json:"erlang"`
}

// Compare runs every policy on every trace; progress hears of each.
func Compare(ctx context.Context, f *Frozen, specs []Spec, progress func(string)) (Figures, error) {
	out := Figures{Frozen: f.Frozen, Seeds: len(f.Seeds)}
	for _, set := range []struct {
		traces  []Trace
		seeds   []uint64
		heldOut bool
	}{{f.Training, f.Seeds, false}, {f.HeldOut, f.HeldOutSeeds, true}} {
		for _, t := range set.traces {
			progress(t.Name)
			for _, spec := range specs {
				r, err := f.policy(ctx, spec, t, set.seeds)
				if err != nil {
					return Figures{}, fmt.Errorf("%s on %q: %w", spec.Name, t.Name, err)
				}
				r.HeldOut = set.heldOut
				out.Policies = append(out.Policies, r)
			}
		}
	}
	progress("fixed fleets")
	var err error
	out.Erlang, err = f.Losses(ctx)
	return out, err
}

// policy runs one policy on one trace with every seed.
func (f *Frozen) policy(ctx context.Context, spec Spec, t Trace, seeds []uint64) (Result, error) {
	r := Result{Name: spec.Name, Trace: t.Name, Goal: t.Goal}
	var blocked, gaveUp int
	var waits, starts []float64
	cfg := f.config(spec.Warm)
	if spec.Fixed {
		cfg.Min = cfg.Max
	}
	for i, seed := range seeds {
		run, err := simulate(ctx, f, cfg, spec.Policies, calls(t, f.Call.MeanS, seed), t.length(), seed, 0)
		if err != nil {
			return Result{}, err
		}
		if i == 0 {
			r.Series = run.Series
		}
		r.Calls += run.Calls
		blocked += run.Blocked
		gaveUp += run.GaveUp
		r.WorstPct = max(r.WorstPct, percent(run.Blocked, run.Calls))
		waits, starts = append(waits, run.Waits...), append(starts, run.Starts...)
		r.GPUHours += run.GPUHours / float64(len(seeds))
		r.CostUSD += run.USD / float64(len(seeds))
		r.PeakNodes = max(r.PeakNodes, run.Peak)
	}
	r.BlockedPct, r.GaveUpPct = percent(blocked, r.Calls), percent(gaveUp, r.Calls)
	r.Starts = float64(len(starts)) / float64(len(seeds))
	r.WaitP95S, r.StartS = quantile(waits, .95), quantile(starts, .5)
	return r, nil
}

// Losses runs the fleets of a fixed size, where a refused caller does not come again.
func (f *Frozen) Losses(ctx context.Context) ([]Loss, error) {
	var out []Loss
	for _, fleet := range f.Erlang.Fleets {
		fixed := *f
		fixed.Node.Places = fleet.Places
		fixed.Group.Min, fixed.Group.Max = fleet.Nodes, fleet.Nodes
		fixed.Call.PatienceS = 0
		long := float64(f.Erlang.Arrivals) * f.Call.MeanS / fleet.Offered
		t := Trace{Points: [][2]float64{{0, fleet.Offered}, {long, fleet.Offered}}}
		settled := seconds(20 * f.Call.MeanS)
		run, err := simulate(ctx, &fixed, fixed.config(false), nil, calls(t, f.Call.MeanS, f.Erlang.Seed), t.length(), f.Erlang.Seed, settled)
		if err != nil {
			return nil, err
		}
		n := fleet.Nodes * fleet.Places
		out = append(out, Loss{n, fleet.Offered, erlangB(n, fleet.Offered), percent(run.Blocked, run.Calls) / 100})
	}
	return out, nil
}

func percent(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(part) / float64(all)
}

// quantile returns the value below which a share of values lies; 0 of none.
func quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(share*float64(len(values))), len(values)-1)]
}
