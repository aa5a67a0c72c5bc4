package session

import (
	"sync"
	"time"

	"livedub/inference"
)

// Event is something that happened in a session; one of the pointers is set.
type Event struct {
	Caption *Caption
	Ladder  *LadderChange
	Drain   *Drain
}

// Drain tells that the server takes no new sessions and will end.
type Drain struct {
	Until time.Time // the latest end of this session
}

// Caption is a line of text in the source or a target language.
type Caption struct {
	Lang       inference.Lang
	ID         int // of the phrase: the same in every language
	Text       string
	Final      bool
	Start, End time.Duration // source time
}

// LadderChange is a step on the quality ladder.
type LadderChange struct {
	Lang  inference.Lang
	Level Level
	Why   string
	At    time.Duration // source time
}

// eventHub hands events to whoever listens.
type eventHub struct {
	mu        sync.Mutex
	listeners map[*listening]struct{}
	closed    bool
}

// listening is one listener's place.
type listening struct {
	tell func(Event)
	end  func()
}

func newEventHub() *eventHub { return &eventHub{listeners: map[*listening]struct{}{}} }

// Listen calls tell with what happens from now on, and end once: at the
// session's end, or by stop. Neither may block.
func (s *Session) Listen(tell func(Event), end func()) (stop func()) {
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
func (s *Session) Events() (<-chan Event, func()) {
	ch := make(chan Event, maxEvents)
	stop := s.Listen(func(e Event) {
		select {
		case ch <- e:
		default:
		}
	}, func() { close(ch) })
	return ch, stop
}

func (h *eventHub) send(e Event) {
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
