package upload

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	firstPause = time.Second
	maxPause   = time.Minute
	repeat     = time.Minute     // between two lines of the log about one outage
	patience   = 5 * time.Minute // with one file, and
	slowest    = 64 << 10        // bytes a second
)

// outage is what has failed since something succeeded last.
type outage struct {
	tries int
	since time.Time
	until time.Time // nothing is tried
	told  time.Time // to the log; this outage or one before
	tell  bool      // this one was
}

// pause returns how long to wait after so many tries: any time up to twice as long as
// after the one before, so that not all come back at once.
func pause(tries int) time.Duration {
	return rand.N(min(firstPause<<min(tries-1, 10), maxPause)) + 1
}

// enlist puts a file into its queue, which stays in order.
func (u *Uploader) enlist(f *file) {
	if f.doc {
		u.docs = append(u.docs, f)
		return
	}
	u.media = append(u.media, f)
	u.groups[f.group] = append(u.groups[f.group], f.place)
}

// strike takes a file out of its queue.
func (u *Uploader) strike(f *file) {
	is := func(x *file) bool { return x == f }
	if f.doc {
		u.docs = slices.DeleteFunc(u.docs, is)
		return
	}
	u.media = slices.DeleteFunc(u.media, is)
	places := u.groups[f.group]
	if i, ok := slices.BinarySearch(places, f.place); ok {
		places = slices.Delete(places, i, i+1)
	}
	if u.groups[f.group] = places; len(places) == 0 {
		delete(u.groups, f.group)
	}
}

// drop takes a file out for good.
func (u *Uploader) drop(f *file) {
	u.strike(f)
	delete(u.files, f.key)
	u.stats.Bytes -= f.size
}

// arrived tells whether all media of a recording up to a place have arrived.
func (u *Uploader) arrived(group string, place int64) bool {
	places := u.groups[group]
	return len(places) == 0 || places[0] > place
}

// next returns what is to be done next, nothing where that is to be waited for: until
// changed, or for a while.
func (u *Uploader) next() (f *file, s *sweep, wait time.Duration, changed <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	wait = time.Hour
	ready := func(due time.Time) bool {
		if left := due.Sub(now); left > 0 {
			wait = min(wait, left)
			return false
		}
		return true
	}
	if !ready(u.outage.until) {
		return nil, nil, wait, u.changed
	}
	for _, s := range u.sweeps {
		if !s.busy && ready(s.due) {
			s.busy = true
			return nil, s, 0, nil
		}
	}
	// Documents first: by them others see what has arrived.
	for _, f := range u.docs {
		barrier := f.place
		if f.copied != "" {
			barrier = f.barrier
		}
		if f.flight == nil && u.arrived(f.group, barrier) && ready(f.due) {
			return u.begin(f), nil, 0, nil
		}
	}
	for _, f := range u.media {
		if f.flight == nil && ready(f.due) {
			return u.begin(f), nil, 0, nil
		}
	}
	return nil, nil, wait, u.changed
}

// begin takes a file under way.
func (u *Uploader) begin(f *file) *file {
	f.flight = &flight{ended: make(chan struct{})}
	f.flight.ctx, f.flight.stop = context.WithTimeout(u.ctx, patience+time.Duration(f.size)*time.Second/slowest)
	if f.copied == "" { // what is looked at now is the newest
		f.again = false
	}
	return f
}

// end has a file be under way no longer.
func (u *Uploader) end(f *file) {
	f.flight.stop()
	close(f.flight.ended)
	f.flight = nil
	u.signal()
}
