// Package engine runs one neural net on one device for many sessions: it
// gathers their requests to batches under their deadlines, and outlives the
// loss of the device.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
)

// ErrNumbers is the error of an item for which the net gave NaN or infinity.
var ErrNumbers = errors.New("model output contains NaN or Inf")

const (
	defaultQueue   = 1024
	defaultSession = 64
	defaultAge     = 2 * time.Millisecond
	defaultLimit   = 20 * time.Second
	defaultLongest = 500 * time.Millisecond
	defaultBatch   = 32
	mostBatch      = 1024
)

// Config says which net a Batcher runs, and how.
type Config struct {
	Name string // of the net, in logs, errors and Stats

	// Open opens the net: at start, and anew after errors that wrap
	// inference.ErrModelGone. The context is the net's for its life.
	Open func(ctx context.Context) (inference.Model, error)

	MaxBatch   int                // items at most in a batch; 0: 32
	Buckets    []int              // sizes of batches; what does not fill one is padded. nil: 1 2 4 8 16 32
	Example    []inference.Tensor // an item to warm with; nil: zeros, 1 for dimensions of any size
	Queue      int                // waiting requests at most; 0: 1024
	PerSession int                // of these, of one session; 0: 64
	MaxAge     time.Duration      // how long a request may wait for company beside an idle device; 0: 2 ms, negative: not at all
	LongestRun time.Duration      // buckets that take longer are not used, except the smallest; 0: 500 ms
	TimeLimit  time.Duration      // a run beyond it is stuck; above the limit that the net has itself; 0: 20 s
	Device     *Device            // that other nets run on too; nil: one of its own
	Progress   func(string)       // hears what is being warmed, on another goroutine; nil: nobody
	Log        *slog.Logger       // nil: none

	varies bool // each run takes its own time: nothing is refused before its deadline
}

func (c *Config) complete() error {
	if c.Open == nil {
		return errors.New("engine: Config.Open is missing: it says which net to run")
	}
	if c.Name == "" {
		c.Name = "net"
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = defaultBatch
	}
	if c.MaxBatch < 1 || c.MaxBatch > mostBatch {
		return fmt.Errorf("engine: %s: batches of %d: choose 1 to %d", c.Name, c.MaxBatch, mostBatch)
	}
	if len(c.Buckets) == 0 {
		for b := 1; b <= defaultBatch; b *= 2 {
			c.Buckets = append(c.Buckets, b)
		}
	}
	var fit []int
	for _, b := range c.Buckets {
		if b < 1 {
			return fmt.Errorf("engine: %s: a bucket of %d items: name sizes from 1", c.Name, b)
		}
		if b <= c.MaxBatch {
			fit = append(fit, b)
		}
	}
	slices.Sort(fit)
	if c.Buckets = slices.Compact(fit); len(fit) == 0 {
		return fmt.Errorf("engine: %s: no bucket fits batches of %d: raise it or name smaller buckets", c.Name, c.MaxBatch)
	}
	if c.Queue <= 0 {
		c.Queue = defaultQueue
	}
	if c.PerSession <= 0 {
		c.PerSession = defaultSession
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultAge
	}
	if c.LongestRun <= 0 {
		c.LongestRun = defaultLongest
	}
	if c.TimeLimit <= 0 {
		c.TimeLimit = defaultLimit
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Batcher is an inference.ModelQueue over one net. Two goroutines are its own:
// the batcher, which answers every request, and the device's, which may get
// stuck in the net without holding up the first.
type Batcher struct {
	c       Config
	inputs  []inference.TensorInfo
	outputs []inference.TensorInfo

	ctx      context.Context // of the net
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	wake     chan struct{} // 1: a request was taken
	jobs     chan *batch   // to the device
	outcomes chan outcome  // from the device
	opened   chan *speeds  // from the device: the net is there again
	closed   chan struct{} // once, when Close began
	once     sync.Once

	gate      *gate                    // shared with who asks
	published atomic.Pointer[snapshot] // what they are told

	// The batcher's alone.
	queue   queue
	speeds  *speeds
	stats   counters
	arrived arrivals
	running *batch
	staged  *batch // assembled while the other runs
	again   []*request
	spare   []*buffers
	copying time.Duration // of one item into a batch, learned
	answers []*request    // to be handed out once they are counted
}

// New opens the net, warms every bucket and measures it. It returns when the
// net is ready, or why it cannot be; ctx ends that. Close the Batcher after use.
func New(ctx context.Context, c Config) (*Batcher, error) {
	c.Buckets = slices.Clone(c.Buckets)
	if err := c.complete(); err != nil {
		return nil, err
	}
	br := &Batcher{
		c: c, gate: newGate(),
		wake: make(chan struct{}, 1), jobs: make(chan *batch), outcomes: make(chan outcome, 1),
		opened: make(chan *speeds, 1), closed: make(chan struct{}),
	}
	br.ctx, br.cancel = context.WithCancel(context.Background())
	br.queue.sessions = map[string]*session{}
	stop := context.AfterFunc(ctx, br.cancel)
	first := make(chan error, 1)
	br.wg.Go(func() { br.serve(first) })
	err := <-first
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		br.cancel()
		br.wg.Wait()
		return nil, fmt.Errorf("engine: %s: %w", c.Name, err)
	}
	br.speeds = <-br.opened
	br.gate.set(Ready)
	br.stats.init(br.c.Buckets)
	br.publish()
	br.wg.Go(br.gather)
	return br, nil
}

// Inputs returns the net's inputs, the batch first.
func (br *Batcher) Inputs() []inference.TensorInfo { return br.inputs }

// Outputs returns the net's outputs, the batch first.
func (br *Batcher) Outputs() []inference.TensorInfo { return br.outputs }

// Submit implements inference.ModelQueue. Besides inference.ErrModelBusy (the
// queue, or the session's share of it, is full) it fails for tensors that are
// not what the net takes. The result comes at the deadline at the latest.
func (br *Batcher) Submit(r inference.ModelRequest) (<-chan inference.ModelResult, error) {
	if err := checkItem(br.inputs, r.In); err != nil {
		return nil, fmt.Errorf("engine: %s: %w", br.c.Name, err)
	}
	q := &request{ModelRequest: r, done: make(chan inference.ModelResult, 1), queued: time.Now(), kind: kindOf(br.inputs, r.In)}
	answer, err := br.gate.admit(q, &br.c)
	switch {
	case err != nil:
		return nil, err
	case answer != nil:
		q.done <- inference.ModelResult{Err: answer}
		return q.done, nil
	}
	select {
	case br.wake <- struct{}{}:
	default:
	}
	return q.done, nil
}

// Close answers what waits with inference.ErrModelGone, ends the context given to
// the net, waits until the net comes back, and closes it.
func (br *Batcher) Close() error {
	br.once.Do(func() { close(br.closed) })
	br.wg.Wait()
	return nil
}
