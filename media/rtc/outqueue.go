package rtc

import (
	"sync"

	"livedub/media"
)

// Bounds of what waits for a slow viewer.
const (
	outPackets = 256
	outBytes   = 8 << 20
)

// outQueue holds what is to be sent. It never blocks its writer: what finds it
// full is dropped, frames then up to the next keyframe.
type outQueue struct {
	key func() // the viewer needs a keyframe, called outside the lock

	mu      sync.Mutex
	packets []media.Packet
	bytes   int
	open    bool // the viewer can be sent to
	closed  bool
	need    bool // frames wait for a keyframe
	dropped uint64
	ready   chan struct{}
}

func newOutQueue(key func()) *outQueue {
	return &outQueue{key: key, need: true, ready: make(chan struct{}, 1)}
}

// push takes a packet, or drops it.
func (q *outQueue) push(p media.Packet) {
	if q.put(p) {
		q.key()
	}
}

func (q *outQueue) put(p media.Packet) (needKey bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open || q.closed {
		return false
	}
	if p.Kind == media.Video && q.need {
		if !p.Key {
			q.dropped++
			return true
		}
		q.need = false
	}
	if len(q.packets) >= outPackets || q.bytes+len(p.Data) > outBytes {
		q.dropped++
		q.need = q.need || p.Kind == media.Video
		return p.Kind == media.Video
	}
	q.packets = append(q.packets, p)
	q.bytes += len(p.Data)
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return false
}

// start lets packets in.
func (q *outQueue) start() {
	q.mu.Lock()
	q.open = true
	q.mu.Unlock()
}

// take returns all that waits; false once closed.
func (q *outQueue) take() ([]media.Packet, bool) {
	for {
		q.mu.Lock()
		out, closed := q.packets, q.closed
		q.packets, q.bytes = nil, 0
		q.mu.Unlock()
		if closed {
			return nil, false
		}
		if len(out) > 0 {
			return out, true
		}
		<-q.ready
	}
}

func (q *outQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *outQueue) drops() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
