// Package packets holds compressed packets that wait between a network and a session.
package packets

import (
	"context"
	"io"
	"sync"

	"livedub/media"
)

// Queue carries packets from who must not wait to one reader. It is bounded: the
// oldest are dropped, and after a dropped frame all up to the next keyframe.
type Queue struct {
	most  int    // packets
	bytes int    // of their data
	key   func() // asks for a keyframe, outside the lock; called as often as one is missed

	mu      sync.Mutex
	packets []media.Packet
	held    int     // bytes
	torn    [3]bool // by Kind: something was dropped before what is left
	dropped uint64
	closed  bool
	ready   chan struct{} // holds one token while there is something to read, or the end
}

// NewQueue returns an empty queue of that many packets and bytes at most. key asks
// for a keyframe after frames were dropped.
func NewQueue(packets, bytes int, key func()) *Queue {
	return &Queue{most: packets, bytes: bytes, key: key, ready: make(chan struct{}, 1)}
}

func (q *Queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Push appends a packet. It never blocks.
func (q *Queue) Push(p media.Packet) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.packets = append(q.packets, p)
	q.held += len(p.Data)
	needKey := false
	for len(q.packets) > q.most || q.held > q.bytes && len(q.packets) > 1 {
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
func (q *Queue) take() media.Packet {
	p := q.packets[0]
	q.packets[0] = media.Packet{}
	q.packets = q.packets[1:]
	q.held -= len(p.Data)
	return p
}

// Pop returns the next packet, and io.EOF once the queue was closed and is empty.
func (q *Queue) Pop(ctx context.Context) (media.Packet, error) {
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
func (q *Queue) next() (p media.Packet, ok, blind, closed bool) {
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

// Close lets Pop return what is left, then io.EOF.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.ready)
	}
}

// Drops returns how many packets were dropped so far.
func (q *Queue) Drops() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
