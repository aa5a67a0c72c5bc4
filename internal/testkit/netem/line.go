package netem

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// lineLimit is how many packets may be under way in one direction.
const lineLimit = 1 << 14

// line carries the packets of one direction: it asks the link for each one's
// fate and delivers it when due.
type line struct {
	start time.Time

	mu     sync.Mutex
	link   link
	queue  packets
	next   uint64 // number of the next packet received
	newest uint64 // highest number delivered, plus one
	wake   chan struct{}
}

// packet is one copy under way.
type packet struct {
	at      time.Duration
	order   uint64 // breaks ties: what was queued first goes first
	number  uint64 // of the packet received
	data    []byte
	deliver func([]byte) error
}

func newLine(start time.Time, seed uint64, f Faults) *line {
	return &line{start: start, link: link{seed: seed, faults: f}, wake: make(chan struct{}, 1)}
}

// add takes a packet in; data is copied.
func (l *line) add(data []byte, deliver func([]byte) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.next
	l.next++
	for _, at := range l.link.decide(time.Since(l.start), len(data)) {
		if len(l.queue.list) >= lineLimit {
			l.link.n.Squeezed++
			continue
		}
		l.queue.count++
		heap.Push(&l.queue, packet{at, l.queue.count, number, append([]byte(nil), data...), deliver})
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run delivers until ctx ends; what is under way then is dropped.
func (l *line) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(l.flush())
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// flush delivers what is due and returns how long to wait for the next.
func (l *line) flush() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue.list) > 0 {
		p := l.queue.list[0]
		if wait := p.at - time.Since(l.start); wait > 0 {
			return wait
		}
		heap.Pop(&l.queue)
		if p.deliver(p.data) != nil {
			l.link.n.Refused++
			continue
		}
		l.link.n.Sent++
		if p.number+1 < l.newest {
			l.link.n.Reordered++
		}
		l.newest = max(l.newest, p.number+1)
	}
	return time.Hour
}

func (l *line) set(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link.set(f)
}

func (l *line) blackout(after, length time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := time.Since(l.start) + after
	l.link.dark = append(l.link.dark, window{from, from + length})
}

func (l *line) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link.n.Received++
	l.link.n.Refused++
}

func (l *line) counters() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link.n
}

// packets is a heap by time.
type packets struct {
	list  []packet
	count uint64
}

func (p *packets) Len() int { return len(p.list) }
func (p *packets) Less(i, j int) bool {
	a, b := &p.list[i], &p.list[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}
func (p *packets) Swap(i, j int) { p.list[i], p.list[j] = p.list[j], p.list[i] }
func (p *packets) Push(x any)    { p.list = append(p.list, x.(packet)) }
func (p *packets) Pop() any {
	last := len(p.list) - 1
	x := p.list[last]
	p.list[last] = packet{}
	p.list = p.list[:last]
	return x
}
