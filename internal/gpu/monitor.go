package gpu

import (
	"context"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

const (
	interval = time.Second     // between two samples
	closing  = 5 * time.Second // that Close waits for a driver that hangs
)

// Monitor samples the GPUs on a goroutine of its own, at most once a second
// and only when asked: a driver whose GPU fell off the bus can hang for long,
// and whoever asks must not. It is safe for concurrent use.
type Monitor struct {
	ask  chan struct{} // of one place
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	last  Report
	at    time.Time     // of last
	fresh chan struct{} // closed by the next sample
}

// Watch opens the driver; without one the monitor reports its absence. The caller closes it.
func Watch() *Monitor { return watch(nvml.New()) }

func watch(lib nvml.Interface) *Monitor {
	ctx, stop := context.WithCancel(context.Background())
	m := &Monitor{ask: make(chan struct{}, 1), stop: stop, done: make(chan struct{}), fresh: make(chan struct{})}
	m.last = absent("the driver has not answered yet")
	go m.run(ctx, lib)
	return m
}

// Read returns a sample that is at most a second old, or, if the driver gives
// none before ctx ends, the last one.
func (m *Monitor) Read(ctx context.Context) Report {
	m.mu.Lock()
	fresh, last, at := m.fresh, m.last, m.at
	m.mu.Unlock()
	if !at.IsZero() && time.Since(at) < interval {
		return last
	}
	select {
	case m.ask <- struct{}{}:
	default: // asked already
	}
	select {
	case <-fresh:
	case <-ctx.Done():
	case <-m.done:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// Close ends the sampling. A driver that hangs is left to itself after five
// seconds: nothing ends a call into it.
func (m *Monitor) Close() {
	m.stop()
	select {
	case <-m.done:
	case <-time.After(closing):
	}
}

func (m *Monitor) run(ctx context.Context, lib nvml.Interface) {
	defer close(m.done)
	d, err := open(lib)
	if err != nil {
		// A driver does not come under a running program: one answer for good.
		for {
			m.keep(absent(err.Error()))
			select {
			case <-m.ask:
			case <-ctx.Done():
				return
			}
		}
	}
	defer d.close()
	for ctx.Err() == nil {
		m.keep(d.read())
		select {
		case <-m.ask:
		case <-ctx.Done():
		}
	}
}

func (m *Monitor) keep(r Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.at = r, time.Now()
	close(m.fresh)
	m.fresh = make(chan struct{})
}
