package engine

import (
	"math"
	"slices"
	"time"
)

// State is how a Batcher is.
type State string

// The states of a Batcher. Requests are taken in Ready only; in all others they are
// answered with inference.ErrModelGone.
const (
	Warming State = "warming"
	Ready   State = "ready"
	Lost    State = "lost"  // it is to be opened anew
	Stuck   State = "stuck" // the net does not come back
	Closed  State = "closed"
)

// States are all of them.
var States = []State{Warming, Ready, Lost, Stuck, Closed}

// Histogram counts observations up to bounds.
type Histogram struct {
	Bounds []float64 // ascending
	Counts []uint64  // of each bound the observations up to it and above the one before
	Sum    float64
	Count  uint64 // those above the last bound too
}

func (h *Histogram) observe(v float64) {
	i, _ := slices.BinarySearch(h.Bounds, v)
	if i < len(h.Counts) {
		h.Counts[i]++
	}
	h.Sum += v
	h.Count++
}

func newHistogram(bounds []float64) Histogram {
	return Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds))}
}

func (h Histogram) clone() Histogram {
	h.Counts = slices.Clone(h.Counts)
	return h
}

// Stats is what became of a Batcher's requests since its start.
type Stats struct {
	Name    string
	State   State
	Depth   int // waiting now
	Largest int // items in the largest batch that is used now

	Items   uint64    // that were run
	Slots   uint64    // of the batches that they were run in, padding included
	Batch   Histogram // items in a batch
	Wait    Histogram // seconds from Submit to the start of the run
	Run     Histogram // seconds of runs that succeeded
	Missed  uint64    // run, and not back by their deadline
	Busy    uint64    // refused: the queue was full
	Share   uint64    // refused: the session's share of the queue was full
	Late    uint64    // refused while they waited
	Gone    uint64    // refused, or lost on their way: the net was not there
	Failed  uint64    // the net said no to them alone
	Numbers uint64    // answered with ErrNumbers
	Reopens uint64    // times the net was lost and opened anew

	Capacity float64         // items a second; 0, as the next two, where each takes its own time
	Times    []time.Duration // of a batch of each size in Sizes
	Sizes    []int
}

// Fill returns the share of the batches that was no padding; 0 before the first.
func (s Stats) Fill() float64 {
	if s.Slots == 0 {
		return 0
	}
	return float64(s.Items) / float64(s.Slots)
}

// counters are the batcher's own.
type counters struct {
	items, slots, missed, late, gone, failed, numbers, reopened uint64
	batch, wait, run                                            Histogram
}

var seconds = []float64{.0005, .001, .002, .005, .01, .02, .04, .08, .16, .32, .64, 1.28, 2.56}

func (c *counters) init(buckets []int) {
	var sizes []float64
	for _, b := range buckets {
		sizes = append(sizes, float64(b))
	}
	c.batch, c.wait, c.run = newHistogram(sizes), newHistogram(seconds), newHistogram(seconds)
}

func (c *counters) started(b *batch, now time.Time) {
	c.items += uint64(len(b.items))
	c.slots += uint64(b.bucket)
	c.batch.observe(float64(len(b.items)))
	for _, r := range b.items {
		c.wait.observe(now.Sub(r.queued).Seconds())
	}
}

func (c *counters) ran(took time.Duration) { c.run.observe(took.Seconds()) }

// snapshot is what the batcher lets others see of what is its alone.
type snapshot struct {
	counters
	speeds speeds
}

// show publishes what has been counted, and then hands out the answers: who has
// one finds it in Stats.
func (br *Batcher) publish() {
	s := &snapshot{br.stats, speeds{slices.Clone(br.speeds.all)}}
	s.batch, s.wait, s.run = s.batch.clone(), s.wait.clone(), s.run.clone()
	br.published.Store(s)
	for _, r := range br.answers {
		r.done <- r.result
	}
	clear(br.answers)
	br.answers = br.answers[:0]
}

// State returns how the Batcher is.
func (br *Batcher) State() State {
	s, _, _ := br.gate.read()
	return s
}

// Capacity returns how many items a second the net carries at its best bucket; 0
// where each takes its own time.
func (br *Batcher) Capacity() float64 {
	if br.c.varies {
		return 0
	}
	return br.published.Load().capacity(time.Now())
}

func (s *snapshot) capacity(now time.Time) float64 {
	rate, _ := s.speeds.rate(s.speeds.largest().size, now)
	return rate
}

// headroom is how much of a net's capacity is given away.
const headroom = .8

// Sessions returns how many sessions of fps items a second fit.
func (br *Batcher) Sessions(fps float64) int {
	if fps <= 0 {
		return 0
	}
	return int(math.Min(headroom*br.Capacity()/fps, math.MaxInt32))
}

// Stats returns what became of the requests so far.
func (br *Batcher) Stats() Stats {
	now, c := time.Now(), br.published.Load()
	state, depth, refused := br.gate.read()
	s := Stats{
		Name: br.c.Name, State: state, Depth: depth, Largest: c.speeds.largest().size,
		Items: c.items, Slots: c.slots, Batch: c.batch.clone(), Wait: c.wait.clone(), Run: c.run.clone(),
		Missed: c.missed, Busy: refused.busy, Share: refused.share, Late: c.late, Gone: c.gone + refused.gone,
		Failed: c.failed, Numbers: c.numbers, Reopens: c.reopened, Capacity: br.Capacity(),
	}
	if br.c.varies {
		return s
	}
	for i := range c.speeds.all {
		b := &c.speeds.all[i]
		s.Sizes, s.Times = append(s.Sizes, b.size), append(s.Times, b.time(now))
	}
	return s
}
