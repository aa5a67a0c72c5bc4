package hlspull

import (
	"sync"
	"time"

	"livedub/media/pace"
)

// Times of pacing.
const (
	mostLate   = 250 * time.Millisecond // that a unit may be, before all that follows is put off
	leastAhead = 250 * time.Millisecond // that units are put off by, beside that
	mostAhead  = 3 * time.Second
)

// pacer says when the units of a playlist are due, on the session clock. Segments come
// at once, and not always in time. What stands still is put off by as long as that was,
// and by half a segment, so that the next may be as late.
type pacer struct {
	clock pace.Clock

	mu    sync.Mutex
	begun bool          // a unit of this run of the client has come
	base  time.Duration // when its time 0 is due
	last  time.Duration // when the latest unit is due
	stood int           // how often it stood still
}

// anew is called before each run of the client, whose times count from its beginning.
func (p *pacer) anew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = false
}

// due returns when a unit is to be passed on. segment is how long segments are.
func (p *pacer) due(at, segment time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	ahead := min(max(segment/2, leastAhead), mostAhead)
	switch late := now - p.base - at; {
	case !p.begun:
		p.base = max(now, p.last) - at
		if p.last > 0 && now-p.last > mostLate {
			p.base += ahead
		}
		p.begun = true
	case late > mostLate:
		p.base += late + ahead
		p.stood++
	}
	due := p.base + at
	p.last = max(p.last, due)
	return due
}
