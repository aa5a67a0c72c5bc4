package main

import (
	"os"
	"runtime"
	"sync"
	"time"

	"livedub/internal/proc"
)

// faceRate is how many mouths a second one session is counted with.
const faceRate = 30

// places tells how many sessions this node can carry: as many as its CPUs carry
// besides those that there are and besides whatever else the machine does, by
// what each of them takes now, and as many as its net makes mouths for.
type capacity struct {
	net  func(fps float64) int // sessions of so many mouths a second that the net carries; nil without one
	read func() reading

	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex
	used float64 // CPUs that livedub takes, over the last seconds
	free float64 // CPUs that are left to it, likewise; below 0 where the CPUs are full
}

const (
	cpuEvery  = time.Second
	cpuSpan   = 5  // of which one measurement counts a fifth
	cpuFilled = .9 // of all CPUs, above which no more is taken on
	plenty    = 1 << 30
)

// reading is how much CPU time was used up to a moment, and what there is of it.
type reading struct {
	own     time.Duration // by this process and those it started
	procs   int           // that Go runs on at once
	machine proc.Machine
}

// readCPU reads what is so now.
func readCPU() reading {
	own := proc.CPU(os.Getpid())
	for _, id := range proc.Children(os.Getpid()) {
		own += proc.CPU(id)
	}
	return reading{own, runtime.GOMAXPROCS(0), proc.ReadMachine()}
}

// newPlaces begins to measure by read. The caller closes it.
func newCapacity(net func(fps float64) int, read func() reading) *capacity {
	p := &capacity{net: net, read: read, stop: make(chan struct{})}
	first := read()
	_, p.free = first.since(first, time.Second) // as if nothing ran, until it is known
	p.done.Go(func() { p.measure(first) })
	return p
}

func (p *capacity) measure(before reading) {
	tick := time.NewTicker(cpuEvery)
	defer tick.Stop()
	then := time.Now()
	for {
		select {
		case <-p.stop:
			return
		case now := <-tick.C:
			r := p.read()
			used, free := r.since(before, now.Sub(then))
			then, before = now, r
			p.mu.Lock()
			p.used += (used - p.used) / cpuSpan
			p.free += (free - p.free) / cpuSpan
			p.mu.Unlock()
		}
	}
}

// since returns how many CPUs livedub took since an earlier reading, and how
// many more it could have: the least that Go's own bound, the machine with all
// that runs there, and each control group with all its processes leave.
func (r reading) since(before reading, passed time.Duration) (used, free float64) {
	rate := func(now, then time.Duration) float64 { return max(0, (now-then).Seconds()/passed.Seconds()) }
	used = rate(r.own, before.own)
	free = cpuFilled*float64(r.procs) - used
	if r.machine.CPUs > 0 {
		free = min(free, cpuFilled*float64(r.machine.CPUs)-rate(r.machine.Busy, before.machine.Busy))
	}
	for i, l := range r.machine.Limits {
		took := used // at least, where the group does not count
		if i < len(before.machine.Limits) {
			took = max(took, rate(l.Used, before.machine.Limits[i].Used))
		}
		free = min(free, cpuFilled*l.CPUs-took)
	}
	return used, free
}

// now returns how many sessions there may be, where there are some, a part of
// which have a speaker.
func (p *capacity) now(there, live int) int {
	p.mu.Lock()
	used, free := p.used, p.free
	p.mu.Unlock()
	n := cpuCapacity(there, live, used, free)
	if p.net != nil {
		// A net that is too slow for one session still makes some of its mouths.
		n = min(n, max(1, p.net(faceRate)))
	}
	return n
}

// cpuPlaces returns how many sessions there can be where there are some, of
// which the live ones use so many CPUs and so many are free. One more is taken
// as long as the CPUs are not full, and where nobody speaks: other work shares
// them with who comes first.
func cpuCapacity(there, live int, used, free float64) int {
	switch {
	case free <= 0 && live == 0:
		return there + 1
	case free <= 0:
		return there
	case live == 0 || used <= 0:
		return plenty // nobody knows yet what one takes
	}
	return there + max(1, int(free/(used/float64(live))))
}

// Close ends the measuring.
func (p *capacity) Close() error {
	close(p.stop)
	p.done.Wait()
	return nil
}
