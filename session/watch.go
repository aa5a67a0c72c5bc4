package session

import (
	"sync"

	"livedub/session/spec"
)

// eventHub hands events to whoever listens.
type eventHub struct {
	mu        sync.Mutex
	listeners map[*listening]struct{}
	closed    bool
}

// listening is one listener's place.
type listening struct {
	tell func(spec.Event)
	end  func()
}

func newEventHub() *eventHub { return &eventHub{listeners: map[*listening]struct{}{}} }

// Listen calls tell with what happens from now on, and end once: at the
// session's end, or by stop. Neither may block.
func (s *Session) Listen(tell func(spec.Event), end func()) (stop func()) {
	h, l := s.events, &listening{tell, end}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		end()
		return func() {}
	}
	h.listeners[l] = struct{}{}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if _, ok := h.listeners[l]; ok {
			delete(h.listeners, l)
			end()
		}
	}
}

// maxEvents is how many events wait for a reader of Events; one that does not keep up misses some.
const maxEvents = 256

// Events returns a channel of what happens from now on, closed at the
// session's end, and a function that stops listening.
func (s *Session) Events() (<-chan spec.Event, func()) {
	ch := make(chan spec.Event, maxEvents)
	stop := s.Listen(func(e spec.Event) {
		select {
		case ch <- e:
		default:
		}
	}, func() { close(ch) })
	return ch, stop
}

// Tell lets everybody who listens know of e.
func (s *Session) Tell(e spec.Event) { s.events.send(e) }

func (h *eventHub) send(e spec.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		l.tell(e)
	}
}

func (h *eventHub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for l := range h.listeners {
		l.end()
	}
	clear(h.listeners)
}
