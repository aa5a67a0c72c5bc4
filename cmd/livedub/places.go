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
// besides those that there are, by what each of them takes now, and as many as
// its net makes mouths for.
type places struct {
	net func(fps float64) int // sessions of so many mouths a second that the net carries; nil without one

	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex
	used float64 // CPUs, over the last seconds
}

const (
	cpuEvery  = time.Second
	cpuSpan   = 5  // of which one measurement counts a fifth
	cpuFilled = .9 // of all CPUs, above which no more is taken on
	plenty    = 1 << 30
)

// newPlaces begins to measure. The caller closes it.
func newPlaces(net func(fps float64) int) *places {
	p := &places{net: net, stop: make(chan struct{})}
	p.done.Go(p.measure)
	return p
}

func (p *places) measure() {
	tick := time.NewTicker(cpuEvery)
	defer tick.Stop()
	then, before := time.Now(), ownCPU()
	for {
		select {
		case <-p.stop:
			return
		case now := <-tick.C:
			cpu := ownCPU()
			used := (cpu - before).Seconds() / now.Sub(then).Seconds()
			then, before = now, cpu
			p.mu.Lock()
			p.used += (max(0, used) - p.used) / cpuSpan
			p.mu.Unlock()
		}
	}
}

// ownCPU returns the time that this process and those it started have used.
func ownCPU() time.Duration {
	sum := proc.CPU(os.Getpid())
	for _, id := range proc.Children(os.Getpid()) {
		sum += proc.CPU(id)
	}
	return sum
}

// now returns how many sessions there may be, where there are some, a part of
// which have a speaker.
func (p *places) now(there, live int) int {
	p.mu.Lock()
	used := p.used
	p.mu.Unlock()
	n := cpuPlaces(there, live, used, float64(runtime.GOMAXPROCS(0)))
	if p.net != nil {
		// A net that is too slow for one session still makes some of its mouths.
		n = min(n, max(1, p.net(faceRate)))
	}
	return n
}

// cpuPlaces returns how many sessions cpus carry where there are some, of which
// the live ones use so much. One more is taken as long as the CPUs are not full.
func cpuPlaces(there, live int, used, cpus float64) int {
	switch {
	case live == 0 || used <= 0:
		return plenty // nobody knows yet what one takes
	case used >= cpuFilled*cpus:
		return there
	}
	return there + max(1, int((cpuFilled*cpus-used)/(used/float64(live))))
}

// Close ends the measuring.
func (p *places) Close() error {
	close(p.stop)
	p.done.Wait()
	return nil
}
