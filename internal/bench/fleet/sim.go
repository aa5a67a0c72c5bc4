package fleet

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"livedub/internal/testkit/asg"
)

// epoch is the time at which simulations begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// event is something that happens at a time; of those of one time the first made comes first.
type event struct {
	at  time.Duration
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

// node is an instance and the server on it.
type node struct {
	id      string
	state   asg.State
	used    int
	serving bool // registered, and not leaving
	leaving bool
	booted  bool          // it has been up before
	off     bool          // it is stopped, also on its way out of the warm pool
	born    time.Duration // for its disk
	since   time.Duration // it runs
}

// sim is one simulation. It panics where the group refuses an event: that is a fault of this package.
type sim struct {
	f       *Frozen
	cfg     asg.Config
	scalers []*asg.Scaler
	group   *asg.Group
	rand    *rand.Rand // of boot times
	now     time.Duration
	end     time.Duration
	from    time.Duration // calls before it are not counted
	bare    bool          // what is there at the beginning takes its time too
	due     time.Time     // of the next hook, when something is queued for it
	queue   events
	seq     int
	nodes   []*node // in the order of their launch
	samples samples
	waiting int
	run     Run
}

// Run is what one simulation saw.
type Run struct {
	Calls, Blocked, GaveUp int
	Waits                  []float64 // of the calls that were served, in seconds
	GPUHours, USD          float64
	Starts                 []float64 // from the decision to scale out to the first place, in seconds
	Peak                   int       // most nodes that served at once
	Series                 []Sample
	Changes                []asg.Change
}

// Sample is the fleet at one time.
type Sample struct {
	At      float64 // seconds
	Wanted  int     // calls that run, and callers who wait
	Places  int
	Running int // instances that are paid for by the hour
}

// simulate runs the calls through a fleet.
func simulate(ctx context.Context, f *Frozen, cfg asg.Config, policies []asg.Policy, todo []call, end time.Duration, seed uint64, from time.Duration) (Run, error) {
	s := &sim{f: f, cfg: cfg, end: end, from: from, rand: rand.New(rand.NewPCG(seed, 2)), samples: samples{every: time.Duration(f.SampleS) * time.Second}}
	return s.simulate(ctx, policies, todo)
}

func (s *sim) simulate(ctx context.Context, policies []asg.Policy, todo []call) (Run, error) {
	for _, p := range policies {
		s.scalers = append(s.scalers, asg.NewScaler(p))
	}
	var first []asg.Change
	s.group, first = asg.NewGroup(epoch, s.cfg)
	s.apply(first)
	s.at(0, func() { s.arrivals(todo) })
	if len(policies) > 0 {
		s.at(0, s.tick)
	}
	for n := 0; len(s.queue) > 0 && s.queue[0].at <= s.end; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return Run{}, context.Cause(ctx)
		}
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
	}
	s.now = s.end
	for _, n := range s.nodes {
		s.pay(n, n.state, asg.Terminated)
	}
	return s.run, nil
}

// at does something after a delay.
func (s *sim) at(delay time.Duration, do func()) {
	s.seq++
	heap.Push(&s.queue, event{s.now + delay, s.seq, do})
}

// takes draws how long something takes; what is there at the beginning takes none.
func (s *sim) takes(sec float64) time.Duration {
	if s.now == 0 && !s.bare {
		return 0
	}
	return seconds(sec * (1 + s.f.Boot.Jitter*(2*s.rand.Float64()-1)))
}

func (s *sim) time() time.Time { return epoch.Add(s.now) }

// arrivals lets the first of todo come, and after it the rest.
func (s *sim) arrivals(todo []call) {
	if len(todo) == 0 {
		return
	}
	s.at(todo[0].at-s.now, func() {
		counts := todo[0].at >= s.from
		if counts {
			s.run.Calls++
		}
		if !s.place(todo[0], counts) {
			if counts {
				s.run.Blocked++
			}
			s.waiting++
			s.again(todo[0], counts)
		}
		s.arrivals(todo[1:])
	})
}

// again lets a caller who was refused try once more, or give up.
func (s *sim) again(c call, counts bool) {
	if s.now+seconds(s.f.Call.RetryAfterS)-c.at > seconds(s.f.Call.PatienceS) {
		s.waiting--
		if counts {
			s.run.GaveUp++
		}
		return
	}
	s.at(seconds(s.f.Call.RetryAfterS), func() {
		if !s.place(c, counts) {
			s.again(c, counts)
			return
		}
		s.waiting--
	})
}

// place gives a call to a node that has a place, if there is one.
func (s *sim) place(c call, counts bool) bool {
	var to *node
	for _, n := range s.nodes {
		if !n.serving || n.used >= s.f.Node.Places {
			continue
		}
		if to == nil || s.f.Call.Pack && n.used > to.used || !s.f.Call.Pack && n.used < to.used {
			to = n
		}
	}
	if to == nil {
		return false
	}
	if counts {
		s.run.Waits = append(s.run.Waits, (s.now - c.at).Seconds())
	}
	to.used++
	if to.used == 1 && to.state == asg.InService {
		s.apply(s.must(s.group.Protect(s.time(), to.id, true)))
	}
	s.at(c.length, func() {
		to.used--
		switch {
		case to.used > 0:
		case to.leaving:
			s.drained(to)
		case to.state == asg.InService:
			s.apply(s.must(s.group.Protect(s.time(), to.id, false)))
		}
	})
	return true
}

// tick lets the policies look at their alarms and takes a sample: a node that is taken at this moment
// sends nothing more.
func (s *sim) tick() {
	for _, p := range s.scalers {
		size := asg.Size{Desired: s.group.Desired(), Warming: s.group.Warming(s.time(), p.Warmup)}
		points := func(period time.Duration, n int) []float64 {
			return s.samples.points(p.Metric, period, n, s.now, time.Duration(s.f.PublishDelayS)*time.Second)
		}
		if want, acts := p.Look(s.time(), s.now, points, size); s.now > 0 && acts {
			s.apply(s.group.SetDesired(s.time(), want))
		}
	}
	s.sample()
	s.at(s.samples.every, s.tick)
}

// sample measures the nodes in service.
func (s *sim) sample() {
	now := Sample{At: s.now.Seconds(), Wanted: s.waiting}
	var sum values
	count, serving := 0, 0
	for _, n := range s.nodes {
		now.Wanted += n.used
		if n.paid(n.state) {
			now.Running++
		}
		if n.serving {
			serving++
			now.Places += s.f.Node.Places
		}
		if n.state != asg.InService {
			continue
		}
		count++
		used := float64(n.used)
		sum.cpu += min(s.f.Node.CPUBasePct+s.f.Node.CPUSessionPct*used, 100)
		sum.gpuMemory += min(s.f.Node.GPUMemoryBasePct+s.f.Node.GPUMemorySessionPct*used, 100)
		sum.used += 100 * used / float64(s.f.Node.Places)
	}
	s.run.Peak = max(s.run.Peak, serving)
	s.samples.add(sum, count)
	s.run.Series = append(s.run.Series, now)
}
