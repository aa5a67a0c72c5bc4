package clock

import "time"

const (
	windowSize = 10 // seconds in which the earliest arrival is looked for
	persistent = 3  // seconds of nothing but late arrivals, after which the sender's clock was set back
)

// bucket is what one second told of arrivals.
type bucket struct {
	second   int64
	earliest time.Duration // least arrival - media time
}

// note puts an arrival into the window.
func (t *TrackTime) note(raw, at time.Duration) {
	second := int64(at / time.Second)
	if last := &t.window[len(t.window)-1]; last.second >= second {
		last.earliest = min(last.earliest, raw)
		return
	}
	if len(t.window) == windowSize {
		t.window = append(t.window[:0], t.window[1:]...)
	}
	t.window = append(t.window, bucket{second, raw})
}

// earliest is the least arrival - media time in the window.
func (t *TrackTime) earliest() time.Duration {
	e := t.window[0].earliest
	for _, b := range t.window[1:] {
		e = min(e, b.earliest)
	}
	return e
}

// setBack tells that the sender's clock stood still or was set back.
func (t *TrackTime) setBack() bool {
	if !t.late() {
		return false
	}
	recent := t.window[len(t.window)-persistent-1:]
	if t.reported < time.Duration(recent[0].second)*time.Second {
		return true
	}
	// By a report that came since, it may be this track's path that is longer now.
	t.window = append(t.window[:0], recent...)
	t.base.align()
	return t.late()
}

// late tells that everything of the last seconds came late: no network does
// that to all tracks for so long.
func (t *TrackTime) late() bool {
	if len(t.window) <= persistent {
		return false
	}
	for _, b := range t.window[len(t.window)-persistent-1:] {
		if b.earliest < t.offset-t.lag+MaxDeviate {
			return false
		}
	}
	return true
}
