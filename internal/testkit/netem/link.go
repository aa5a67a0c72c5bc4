package netem

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// headers is what UDP and IPv4 add to each packet on a wire.
const headers = 28

// link decides the fate of each packet of one direction. It has no clock and
// no lock of its own.
type link struct {
	seed   uint64
	count  uint64 // packets decided
	faults Faults
	bad    bool          // Gilbert-Elliott: in the state that loses
	free   time.Duration // when the last packet will have passed Rate
	last   time.Duration // latest delivery so far, for order
	dark   []window
	n      Counters
}

// window is a blackout.
type window struct{ from, to time.Duration }

// check refuses settings that make no sense.
func (f Faults) check() error {
	switch {
	case !(f.Loss >= 0 && f.Loss <= 1) || !(f.Duplicate >= 0 && f.Duplicate <= 1):
		return fmt.Errorf("badnet: loss %v, duplicate %v: give shares of 0 to 1", f.Loss, f.Duplicate)
	case !(f.Burst >= 0) || f.Burst > 1e6:
		return fmt.Errorf("badnet: burst of %v packets: give 0 to 1000000", f.Burst)
	case f.Delay < 0 || f.Jitter < 0 || f.Delay > time.Minute || f.Jitter > time.Minute:
		return fmt.Errorf("badnet: delay %v, jitter %v: give 0 to a minute", f.Delay, f.Jitter)
	case f.Rate < 0 || f.Queue < 0:
		return fmt.Errorf("badnet: rate %d, queue %d: give no negative ones", f.Rate, f.Queue)
	}
	return nil
}

// decide returns when a packet of size bytes that came at now is to be
// delivered: not at all, once, or twice.
//
// Every packet draws the same numbers, whatever the settings, from a generator
// of its own: changing one fault does not change the luck of later packets.
func (l *link) decide(now time.Duration, size int) []time.Duration {
	rng := rand.New(rand.NewPCG(l.seed, l.count))
	l.count++
	loss, step, jitter, dup, again := rng.Float64(), rng.Float64(), rng.Float64(), rng.Float64(), rng.Float64()
	l.n.Received++
	lost := l.lose(loss, step)
	switch {
	case l.isDark(now):
		l.n.Blackout++
		return nil
	case lost:
		l.n.Lost++
		return nil
	}
	passed, ok := l.squeeze(now, size)
	if !ok {
		l.n.Squeezed++
		return nil
	}
	at := []time.Duration{l.deliver(passed, jitter)}
	if dup < l.faults.Duplicate {
		l.n.Duplicated++
		at = append(at, l.deliver(passed, again))
	}
	return at
}

// lose is the Gilbert-Elliott model whose bad state loses every packet and
// whose good state none. It leaves the bad state with probability 1/Burst and
// enters it such that the mean share of the bad state is Loss.
func (l *link) lose(loss, step float64) bool {
	p, burst := l.faults.Loss, l.faults.Burst
	if p <= 0 || p >= 1 || burst <= 1/(1-p) {
		l.bad = loss < p // each by itself
		return l.bad
	}
	if l.bad {
		l.bad = step >= 1/burst
	} else {
		l.bad = step < p/(burst*(1-p))
	}
	return l.bad
}

// squeeze returns when a packet has passed the bottleneck.
func (l *link) squeeze(now time.Duration, size int) (time.Duration, bool) {
	if l.faults.Rate == 0 {
		return now, true
	}
	l.free = max(l.free, now)
	limit := time.Second / 4
	if l.faults.Queue > 0 {
		limit = wire(l.faults.Queue, l.faults.Rate)
	}
	if l.free-now > limit {
		return 0, false
	}
	l.free += wire(size+headers, l.faults.Rate)
	return l.free, true
}

// wire is how long bytes take at a rate of bit/s.
func wire(bytes, rate int) time.Duration {
	return time.Duration(float64(bytes) * 8 / float64(rate) * float64(time.Second))
}

// deliver adds delay and jitter.
func (l *link) deliver(passed time.Duration, jitter float64) time.Duration {
	at := passed + l.faults.Delay + time.Duration(jitter*float64(l.faults.Jitter))
	if !l.faults.Reorder {
		at = max(at, l.last)
	}
	l.last = max(l.last, at)
	return at
}

// isDark tells whether now lies in a blackout, and forgets those that are over.
func (l *link) isDark(now time.Duration) bool {
	for len(l.dark) > 0 && l.dark[0].to <= now {
		l.dark = l.dark[1:]
	}
	for _, w := range l.dark {
		if now >= w.from && now < w.to {
			return true
		}
	}
	return false
}

// set changes the settings from the next packet on. A bottleneck that goes away lets go of its queue's claim.
func (l *link) set(f Faults) {
	l.faults = f
	if f.Rate == 0 {
		l.free = 0
	}
}
