package enginebench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"livedub/inference"
	"livedub/inference/engine"
)

// Policies of sharing a device.
const (
	Batched      = "batched"        // the engine's loop: batches across sessions
	PerSession1  = "per_session_1"  // a goroutine for each session, batches of 1; one instance of the net under a lock
	PerSession16 = "per_session_16" // likewise, each session gathers 16 of its frames first
)

// Slack is how long after a frame was asked for it must be there.
const (
	SyncSlack = 300 * time.Millisecond
	LiveSlack = 60 * time.Millisecond
)

// FPS is the rate of a session.
const FPS = 25

// A run begins and ends with what is not measured; the end is as long as the longest
// gathering, so that all that is measured is run under the same load.
const (
	warmUp   = 1500 * time.Millisecond
	coolDown = 16 * time.Second / FPS
)

// Run is what came of some sessions under one policy.
type Run struct {
	Policy   string  `json:"policy"`
	Sessions int     `json:"sessions"`
	SlackMS  float64 `json:"slack_ms"`
	Offered  float64 `json:"offered_fps"`
	FPS      float64 `json:"fps"`         // back by their deadline
	Done     float64 `json:"done_fps"`    // back at all
	P50      *Number `json:"p50_ms"`      // from asked to back, of all that came back; null: none did
	P99      *Number `json:"p99_ms"`      // with per_session_16 the gathering counts
	Missed   float64 `json:"missed_pct"`  // refused, or not back by their deadline; per_session_16's deadlines count from the last of its 16
	Fill     float64 `json:"batch_fill"`  // share of the batches that was no padding
	Batch    float64 `json:"batch_items"` // mean, without padding
	Purpose  string  `json:"purpose"`     // what the run shows, in words
}

// Number is a figure that may be missing.
type Number float64

// String is the figure with one decimal, or "-".
func (n *Number) String() string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(*n))
}

// Figures are those of one net.
type Figures struct {
	Net       string  `json:"net"`
	Precision string  `json:"precision"`
	Roof      float64 `json:"roof_fps"` // back-to-back batches of the best size, copies to and from the device included
	RoofBatch int     `json:"roof_batch"`
	Roof1     float64 `json:"roof_1_fps"` // back-to-back batches of 1
	Runs      []Run   `json:"runs"`
	Skipped   string  `json:"skipped,omitempty"` // why there are no runs, or not all
}

// Load says how a net is measured.
type Load struct {
	Sessions []int
	Length   time.Duration // of each run; 0: 10 s
	Slack    time.Duration // 0: SyncSlack
	Saturate bool          // look for the limits too: see saturate
	MaxBatch int           // 0: 32
	Ends     time.Time     // no run begins that would last beyond it; zero: none is left out
	Say      func(string)  // hears what is being done; nil: nobody
}

// complete returns the Load with what was left open filled in.
func (l Load) complete() Load {
	if l.MaxBatch == 0 {
		l.MaxBatch = 32
	}
	if l.Slack == 0 {
		l.Slack = SyncSlack
	}
	if l.Length == 0 {
		l.Length = 10 * time.Second
	}
	if l.Say == nil {
		l.Say = func(string) {}
	}
	return l
}

// Measure measures a net. open opens it; it is used by one goroutine at a time and
// closed at the end.
func Measure(ctx context.Context, open func(context.Context) (inference.Model, error), load Load) (f Figures, err error) {
	model, err := open(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	load = load.complete()
	b := &bench{ctx: ctx, load: load, model: newShared(model)}
	load.Say("the roof: back-to-back batches")
	if err := b.roof(); err != nil {
		return f, err
	}
	if least := time.Duration(float64(time.Second) / b.rates[1]); least > load.Slack {
		f.Roof, f.RoofBatch, f.Roof1, f.Runs = b.best, b.bestSize, b.rates[1], []Run{}
		f.Skipped = fmt.Sprintf("one item takes %d ms here, more than the %d ms that it may", least.Milliseconds(), load.Slack.Milliseconds())
		load.Say("skipped: " + f.Skipped)
		return f, nil
	}
	load.Say("the loop opens and warms")
	b.loop, err = engine.New(ctx, engine.Config{Name: "bench", MaxBatch: b.load.MaxBatch, Queue: 4096, Example: b.items[0],
		Open: func(context.Context) (inference.Model, error) { return b.model, nil }})
	if err != nil {
		return f, err
	}
	defer b.loop.Close()
	before := b.best
	err = b.runs()
	if errors.Is(err, errNoTime) {
		f.Skipped, err = err.Error(), nil
		load.Say(f.Skipped)
	}
	if err != nil {
		return f, err
	}
	load.Say("the roof again: machines are noisy")
	if err := b.roof(); err != nil {
		return f, err
	}
	f.Roof, f.RoofBatch, f.Roof1, f.Runs = (before+b.best)/2, b.bestSize, b.rates[1], append([]Run{}, b.done...)
	return f, nil
}

// shared lets one instance be used by the loop and by sessions, one at a time.
type shared struct {
	inference.Model
	free chan struct{} // 1: who has taken what is in it may run
}

func newShared(m inference.Model) *shared {
	s := &shared{m, make(chan struct{}, 1)}
	s.free <- struct{}{}
	return s
}

func (s *shared) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	<-s.free
	defer func() { s.free <- struct{}{} }()
	return s.Model.Run(ctx, in)
}

// Close does nothing: who opened the net closes it.
func (s *shared) Close() error { return nil }

type bench struct {
	ctx      context.Context
	load     Load
	model    *shared
	loop     *engine.Batcher
	items    [4][]inference.Tensor // sessions take turns
	rates    map[int]float64       // items a second of back-to-back batches of a size
	best     float64
	bestSize int
	done     []Run
}

// roofTime is how long batches of each size are run back to back; at least two of them.
const roofTime = 700 * time.Millisecond

// roof measures back-to-back batches. A size that takes longer than the slack is of no use.
func (b *bench) roof() error {
	for i := range b.items {
		b.items[i] = Example(b.model.Inputs(), 0, uint64(i))
	}
	b.rates, b.best, b.bestSize = map[int]float64{}, 0, 0
	for size := 1; size <= b.load.MaxBatch; size *= 2 {
		in := Example(b.model.Inputs(), size, seed)
		run := func() error { _, err := b.model.Run(b.ctx, in); return err }
		began := time.Now()
		err := run() // makes plans
		if errors.Is(err, inference.ErrModelMemory) && size > 1 {
			b.load.Say(fmt.Sprintf("no memory for batches of %d", size))
			return nil
		}
		if err != nil {
			return fmt.Errorf("a batch of %d: %w", size, err)
		}
		if size > 1 && time.Since(began) > 4*SyncSlack {
			return nil
		}
		n := 0
		for began = time.Now(); n < 2 || time.Since(began) < roofTime; n++ {
			if err := run(); err != nil {
				return fmt.Errorf("a batch of %d: %w", size, err)
			}
		}
		took := time.Since(began) / time.Duration(n)
		b.rates[size] = float64(size) / took.Seconds()
		if b.rates[size] > b.best {
			b.best, b.bestSize = b.rates[size], size
		}
		if took > SyncSlack {
			return nil
		}
	}
	return nil
}

// runs does all runs of a load.
func (b *bench) runs() error {
	if b.load.Saturate { // first: the limits matter most if time runs out
		if err := b.saturate(); err != nil {
			return err
		}
	}
	for _, n := range b.load.Sessions {
		for _, policy := range []string{Batched, PerSession1, PerSession16} {
			if _, err := b.run(policy, n, b.load.Slack, "as asked for"); err != nil {
				return err
			}
		}
	}
	return nil
}

// saturate looks for the limits: what the loop carries when more is asked for than it can,
// how long a frame takes at 80 % of the roof, beside batches of 16, and how many
// sessions go without a miss.
func (b *bench) saturate() error {
	at := func(part, rate float64) int { return max(1, int(math.Round(part*rate/FPS))) }
	if _, err := b.run(Batched, at(1.25, b.best), b.load.Slack, "saturated: 125 % of the roof"); err != nil {
		return err
	}
	for _, policy := range []string{Batched, PerSession16} {
		for _, slack := range []time.Duration{LiveSlack, SyncSlack} {
			if _, err := b.run(policy, at(.8, b.best), slack, "80 % of the roof"); err != nil {
				return err
			}
		}
	}
	if err := b.most(PerSession1, b.rates[1]); err != nil {
		return err
	}
	return b.most(Batched, b.best)
}

// most looks, downwards, for the most sessions that go without a miss on what carries so
// many items a second.
func (b *bench) most(policy string, rate float64) error {
	last := 0
	for _, part := range []float64{1, .95, .9, .8, .7, .5, .3} {
		n := max(1, int(math.Round(part*rate/FPS)))
		if n == last {
			continue
		}
		last = n
		r, err := b.run(policy, n, b.load.Slack, "most sessions without a miss")
		if err != nil || r.Missed == 0 {
			return err
		}
	}
	return nil
}

// errNoTime is the end of a bench whose time is up.
var errNoTime = errors.New("the other runs were left out: no time left")

// run measures one policy.
func (b *bench) run(policy string, sessions int, slack time.Duration, purpose string) (Run, error) {
	if end := time.Now().Add(warmUp + b.load.Length + slack); !b.load.Ends.IsZero() && end.After(b.load.Ends) {
		return Run{}, errNoTime
	}
	var p carrier
	switch policy {
	case Batched:
		p = &batched{loop: b.loop}
	case PerSession1:
		p = newPerSession(b.ctx, b.model, sessions, 1, b.items[:])
	case PerSession16:
		p = newPerSession(b.ctx, b.model, sessions, 16, b.items[:])
	}
	before := b.loop.Stats()
	t := &tally{}
	from := time.Now().Add(warmUp)
	to := from.Add(b.load.Length)
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Go(func() { b.session(p, t, s, sessions, slack, from, to) })
	}
	wg.Wait()
	p.close()
	if err := b.ctx.Err(); err != nil {
		return Run{}, err
	}
	if t.err != nil {
		return Run{}, t.err
	}
	r := t.run(b.load.Length)
	r.Policy, r.Sessions, r.SlackMS, r.Purpose = policy, sessions, float64(slack.Milliseconds()), purpose
	switch after := b.loop.Stats(); {
	case policy == Batched && after.Slots > before.Slots:
		r.Fill = float64(after.Items-before.Items) / float64(after.Slots-before.Slots)
		r.Batch = float64(after.Items-before.Items) / float64(after.Batch.Count-before.Batch.Count)
	case policy == PerSession1:
		r.Fill, r.Batch = 1, 1
	case policy == PerSession16:
		r.Fill, r.Batch = 1, 16
	}
	b.load.Say(r.String())
	b.done = append(b.done, r)
	return r, nil
}

// session asks for a frame every 40 ms, out of step with the others.
func (b *bench) session(p carrier, t *tally, s, sessions int, slack time.Duration, from, to time.Time) {
	const step = time.Second / FPS
	at := from.Add(-warmUp + time.Duration(s)*step/time.Duration(sessions))
	for ; at.Before(to.Add(coolDown)); at = at.Add(step) {
		select {
		case <-b.ctx.Done():
			return
		case <-time.After(time.Until(at)):
		}
		counts := !at.Before(from) && at.Before(to)
		if counts {
			t.ask()
		}
		began := at
		p.ask(s, b.items[s%len(b.items)], began, slack, func(deadline time.Time, err error) {
			if counts {
				t.back(time.Since(began), !time.Now().After(deadline), err)
			}
		})
	}
}
