package fanout

import (
	"slices"
	"sync"
	"time"
)

// skew measures how far audio and video are apart as they leave: each
// track's time of writing less its output time, one against the other.
type skew struct {
	mu      sync.Mutex
	sounded time.Duration // how late the last sound was written
	heard   bool
	last    []time.Duration // sound's lateness less the frame's, the newest last
}

// maxSkews is how many frames are remembered, about 20 s.
const maxSkews = 500

func (s *skew) sound(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sounded, s.heard = late, true
}

// frame notes one frame's lateness and returns the offset to its audio; false before any.
func (s *skew) frame(late time.Duration) (offset time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.heard {
		return 0, false
	}
	offset = s.sounded - late
	s.last = append(s.last, offset)
	if len(s.last) > maxSkews {
		s.last = slices.Delete(s.last, 0, len(s.last)-maxSkews)
	}
	return offset, true
}

func (s *skew) read() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last)
}
