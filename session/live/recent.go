package live

import (
	"math"
	"sync"
	"time"

	"livedub/session/spec"
)

const (
	recentSlots = 6
	recentSlot  = 10 * time.Second
	recentShare = .95 // of the values are not above the one that is told
)

// recent counts values of the last minute by size, in steps.
type recent struct {
	step time.Duration
	most int // steps; what is above counts as that

	mu    sync.Mutex
	slots [recentSlots]struct {
		at     int64 // its number since 1970
		counts []int // by steps, rounded up; nil before its first value
	}
}

func (r *recent) add(d time.Duration) {
	at := time.Now().UnixNano() / int64(recentSlot)
	steps := min(max(0, int((d+r.step-1)/r.step)), r.most)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.slots[at%recentSlots]
	if s.counts == nil {
		s.counts = make([]int, r.most+1)
	}
	if s.at != at {
		clear(s.counts)
		s.at = at
	}
	s.counts[steps]++
}

// read returns the percentile in seconds; nil where no value came.
func (r *recent) read() *float64 {
	now := time.Now().UnixNano() / int64(recentSlot)
	r.mu.Lock()
	defer r.mu.Unlock()
	sum, all := make([]int, r.most+1), 0
	for _, s := range r.slots {
		if s.at <= now-recentSlots {
			continue
		}
		for i, n := range s.counts {
			sum[i], all = sum[i]+n, all+n
		}
	}
	left := int(math.Ceil(recentShare * float64(all)))
	for i, n := range sum {
		if left -= n; all > 0 && left <= 0 {
			v := (time.Duration(i) * r.step).Seconds()
			return &v
		}
	}
	return nil
}

// recents are of what Observe is told.
type recents struct{ late, offset *recent }

func newRecents() recents {
	return recents{&recent{step: 10 * time.Millisecond, most: 1000}, &recent{step: time.Millisecond, most: 500}}
}

// observe returns next, and is told of the same.
func (r recents) observe(next spec.Observe) spec.Observe {
	out := next
	out.Late = func(d time.Duration) {
		r.late.add(d)
		next.Late(d)
	}
	out.Offset = func(d time.Duration) {
		r.offset.add(max(d, -d))
		next.Offset(d)
	}
	return out
}

// Recent is how the dubs of a node fared within the last minute, in seconds; nil where
// there was none.
type Recent struct {
	Late   *float64 // 95 % of dubs began no later than that after their place
	Offset *float64 // in 95 % of frames sound and picture were no further apart, either way
}

// Recent returns how the dubs of the sessions that there are fared; nothing without a session.
func (m *Manager) Recent() Recent {
	if len(m.List()) == 0 {
		return Recent{}
	}
	return Recent{m.recent.late.read(), m.recent.offset.read()}
}
