package main

import (
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/proc"
)

func TestCPUPlaces(t *testing.T) {
	for _, c := range []struct {
		there, live int
		used, free  float64
		want        int
	}{
		{0, 0, 0, 1.8, plenty},
		{5, 0, .3, 1.5, plenty}, // nobody speaks yet
		{1, 1, .7, 1.1, 2},      // room for one like it, and no second
		{1, 1, .3, 1.5, 6},
		{4, 2, .6, 13.8, 4 + 46}, // two of four do nothing
		{2, 2, 1.5, .3, 3},       // not full: one more
		{3, 3, 1.8, 0, 3},        // full
		{3, 3, 5, -3.2, 3},
		{1, 1, .3, .2, 2}, // other work takes the rest
		{1, 1, .3, -.1, 1},
		{0, 0, 0, -.1, 1}, // and never shuts all out
		{2, 0, 0, -.1, 3},
	} {
		if got := cpuCapacity(c.there, c.live, c.used, c.free); got != c.want {
			t.Errorf("%d sessions, %d live, which use %.1f CPUs, %.1f free: %d, want %d", c.there, c.live, c.used, c.free, got, c.want)
		}
	}
}

// load is a machine where livedub and all together use so many CPUs.
type load struct {
	own, all float64
	procs    int
	cpus     int
	limits   []proc.Limit // Used is not read: their processes use group CPUs
	group    float64
}

// read tells what was used since began.
func (l load) read(began time.Time) reading {
	used := func(cpus float64) time.Duration { return time.Duration(cpus * float64(time.Since(began))) }
	r := reading{used(l.own), l.procs, proc.Machine{CPUs: l.cpus, Busy: time.Hour + used(l.all)}}
	for _, limit := range l.limits {
		r.machine.Limits = append(r.machine.Limits, proc.Limit{CPUs: limit.CPUs, Used: used(l.group)})
	}
	return r
}

// TestPlacesCountWhatElseRuns: two live sessions take half a CPU each; what else
// runs, on the machine or in the control group, leaves room for fewer more.
func TestPlacesCountWhatElseRuns(t *testing.T) {
	limit := func(cpus float64) []proc.Limit { return []proc.Limit{{CPUs: cpus}} }
	for name, c := range map[string]struct {
		load load
		want int
	}{
		"livedub alone":                {load{own: 1, all: 1, procs: 8, cpus: 8}, 2 + 12},
		"other work takes five":        {load{own: 1, all: 6, procs: 8, cpus: 8}, 2 + 2},
		"other work takes nearly all":  {load{own: 1, all: 7, procs: 8, cpus: 8}, 2 + 1},
		"other work takes all":         {load{own: 1, all: 8, procs: 8, cpus: 8}, 2},
		"GOMAXPROCS is set":            {load{own: 1, all: 1, procs: 2, cpus: 8}, 2 + 1},
		"a limit of four":              {load{own: 1, all: 1, procs: 8, cpus: 8, limits: limit(4), group: 1}, 2 + 5},
		"a limit that others use, too": {load{own: 1, all: 3, procs: 8, cpus: 8, limits: limit(4), group: 3}, 2 + 1},
		"a limit that does not count":  {load{own: 1, all: 1, procs: 8, cpus: 8, limits: limit(2)}, 2 + 1},
		"a fraction that Go rounds up": {load{own: 1, all: 1, procs: 2, cpus: 8, limits: limit(1.1), group: 1}, 2},
		"a machine that does not tell": {load{own: 1, all: 8, procs: 8}, 2 + 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := newCapacity(nil, func() reading { return c.load.read(began) })
				defer p.Close()
				if got := p.now(0, 0); got != plenty {
					t.Errorf("before anything is known: %d", got)
				}
				time.Sleep(time.Minute)
				if got := p.now(2, 2); got != c.want {
					t.Errorf("%d places, want %d", got, c.want)
				}
			})
		})
	}
}

// TestPlacesComeBack: other work that comes and goes takes places and gives them back.
func TestPlacesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := newCapacity(nil, func() reading {
			passed := time.Since(began)
			// Between half a minute and a whole one, others take four CPUs.
			others := 4 * min(max(0, passed-30*time.Second), 30*time.Second)
			return reading{passed / 2, 4, proc.Machine{CPUs: 4, Busy: passed/2 + others}}
		})
		defer p.Close()
		time.Sleep(30 * time.Second)
		if got := p.now(1, 1); got != 1+6 {
			t.Errorf("alone: %d", got)
		}
		time.Sleep(30 * time.Second)
		if got := p.now(1, 1); got != 1 {
			t.Errorf("beside others: %d", got)
		}
		time.Sleep(30 * time.Second)
		if got := p.now(1, 1); got < 6 {
			t.Errorf("alone again: %d", got)
		}
	})
}

// TestPlacesAreThoseOfTheScarcest: a net that carries fewer bounds them; it never shuts all out.
func TestPlacesAreThoseOfTheScarcest(t *testing.T) {
	net := 3
	p := newCapacity(func(fps float64) int { return net * 30 / int(fps) }, func() reading { return reading{procs: 8} })
	defer p.Close()
	if got := p.now(0, 0); got != 3 {
		t.Errorf("a net for 3: %d", got)
	}
	net = 0
	if got := p.now(0, 0); got != 1 {
		t.Errorf("a net for none: %d", got)
	}
}
