package rtc

import (
	"context"
	"io"
	"sync"

	"livedub/media"
)

// Bounds of a queue.
const (
	queuePackets = 1024
	queueBytes   = 24 << 20
)

// queue carries packets from the network to the session. It is bounded: the
// oldest are dropped, and after a dropped frame all up to the next keyframe.
type queue struct {
	key func() // asks for a keyframe, outside the lock; called as often as one is missed

	mu      sync.Mutex
	packets []media.Packet
	bytes   int
	torn    [3]bool // by Kind: something was dropped before what is left
	dropped uint64
	closed  bool
	ready   chan struct{} // holds one token while there is something to read, or the end
}

func newQueue(key func()) *queue {
	return &queue{key: key, ready: make(chan struct{}, 1)}
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// push never blocks.
func (q *queue) push(p media.Packet) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.packets = append(q.packets, p)
	q.bytes += len(p.Data)
	needKey := false
	for len(q.packets) > queuePackets || q.bytes > queueBytes && len(q.packets) > 1 {
		old := q.take()
		q.dropped++
		needKey = needKey || old.Kind == media.Video && !q.torn[media.Video]
		q.torn[old.Kind] = true
	}
	q.signal()
	q.mu.Unlock()
	if needKey {
		q.key()
	}
}

// take removes the oldest packet; the caller has the lock.
func (q *queue) take() media.Packet {
	p := q.packets[0]
	q.packets[0] = media.Packet{}
	q.packets = q.packets[1:]
	q.bytes -= len(p.Data)
	return p
}

// pop returns the next packet, and io.EOF once the queue was closed and is empty.
func (q *queue) pop(ctx context.Context) (media.Packet, error) {
	for {
		if err := ctx.Err(); err != nil {
			return media.Packet{}, err
		}
		p, ok, blind, closed := q.next()
		if blind {
			q.key() // the one that was asked for at the overflow may have been dropped as well
		}
		if ok {
			return p, nil
		}
		if closed {
			return media.Packet{}, io.EOF
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
		}
	}
}

// next returns the oldest packet that can be used. blind tells that frames
// were dropped on the way, and that their keyframe is still to come.
func (q *queue) next() (p media.Packet, ok, blind, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.packets) > 0 {
		p := q.take()
		if q.torn[p.Kind] && p.Kind == media.Video && !p.Key {
			q.dropped++
			blind = true
			continue
		}
		if q.torn[p.Kind] {
			p.Gap, q.torn[p.Kind] = true, false
		}
		return p, true, blind && q.torn[media.Video], q.closed
	}
	return media.Packet{}, false, blind, q.closed
}

// close lets pop return what is left, then io.EOF.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.ready)
	}
}

func (q *queue) drops() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
