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

// watch hands events to whoever listens. A listener that does not keep up
// misses events; nobody waits for it.
type eventHub struct {
	mu        sync.Mutex
	listeners map[chan Event]struct{}
	closed    bool
}

func newEventHub() *eventHub { return &eventHub{listeners: map[chan Event]struct{}{}} }

// Events returns a channel of what happens from now on, closed at the
// session's end, and a function that stops listening.
func (s *Session) Events() (<-chan Event, func()) {
	ch := make(chan Event, 256)
	w := s.events
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		close(ch)
		return ch, func() {}
	}
	w.listeners[ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, ok := w.listeners[ch]; ok {
			delete(w.listeners, ch)
			close(ch)
		}
	}
}

func (w *eventHub) send(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.listeners {
		select {
		case ch <- e:
		default:
		}
	}
}

func (w *eventHub) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for ch := range w.listeners {
		close(ch)
	}
	clear(w.listeners)
}
