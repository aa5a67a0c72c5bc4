package session

import (
	"context"
	"io"
	"sync"
	"time"

	"livedub/media"
)

// maxHeld is how many bytes of pictures a delay line holds at most.
const maxHeld = 64 << 20

// line is the delay line: compressed pictures, held until they are wanted. It
// is bounded by time and bytes; a full line makes its writer wait.
type line struct {
	span time.Duration // held at most

	mu     sync.Mutex
	queue  []media.Packet
	bytes  int
	ended  bool
	change chan struct{} // closed and replaced at every change
}

func newLine(span time.Duration) *line {
	return &line{span: span, change: make(chan struct{})}
}

func (l *line) full() bool {
	n := len(l.queue)
	return n > 1 && (l.bytes > maxHeld || l.queue[n-1].DTS-l.queue[0].DTS > l.span)
}

// put appends p, waiting while the line is full.
func (l *line) put(ctx context.Context, p media.Packet) error {
	for {
		l.mu.Lock()
		if !l.full() {
			l.queue = append(l.queue, p)
			l.bytes += len(p.Data)
			l.changed()
			l.mu.Unlock()
			return ctx.Err()
		}
		wait := l.change
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait:
		}
	}
}

// end tells that nothing more comes.
func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.changed()
}

// first waits for the oldest packet and returns it without taking it; io.EOF at the end.
func (l *line) first(ctx context.Context) (media.Packet, error) {
	for {
		l.mu.Lock()
		if len(l.queue) > 0 {
			p := l.queue[0]
			l.mu.Unlock()
			return p, ctx.Err()
		}
		ended, wait := l.ended, l.change
		l.mu.Unlock()
		if ended {
			return media.Packet{}, io.EOF
		}
		select {
		case <-ctx.Done():
			return media.Packet{}, ctx.Err()
		case <-wait:
		}
	}
}

// take removes what first returned.
func (l *line) take() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes -= len(l.queue[0].Data)
	l.queue[0] = media.Packet{}
	l.queue = l.queue[1:]
	l.changed()
}

func (l *line) changed() {
	close(l.change)
	l.change = make(chan struct{})
}
