package engine

import (
	"slices"
	"time"

	"livedub/inference"
)

// patience is how long a request without a deadline lets all others pass.
const patience = time.Second

// request is one item on its way. Once queued it is the batcher's.
type request struct {
	inference.ModelRequest
	done     chan inference.ModelResult // 1
	queued   time.Time
	of       *session
	kind     string // of its shapes: only equals share a batch
	answered bool
	result   inference.ModelResult // once answered
}

// due is what the request is ordered by.
func (r *request) due() time.Time {
	if r.Deadline.IsZero() {
		return r.queued.Add(patience)
	}
	return r.Deadline
}

// lateBy tells whether a run that ends at the given time is too late.
func (r *request) lateBy(end time.Time) bool { return !r.Deadline.IsZero() && end.After(r.Deadline) }

// session is what the queue knows of one.
type session struct {
	name   string
	queued int
	seen   time.Time // its last request
}

// queue holds what waits, earliest deadline first.
type queue struct {
	deadlined  []*request // with a deadline, by it
	bestEffort []*request // without one, by age
	sessions   map[string]*session
	order      []*request // scratch of sorted
	pruned     time.Time
}

func (q *queue) len() int { return len(q.deadlined) + len(q.bestEffort) }

func (q *queue) add(r *request) {
	if r.of == nil {
		q.prune(r.queued)
		s := q.sessions[r.Session]
		if s == nil {
			s = &session{name: r.Session}
			q.sessions[r.Session] = s
		}
		r.of, s.seen = s, r.queued
	}
	r.of.queued++
	by := func(a, b *request) int { return a.Deadline.Compare(b.Deadline) }
	to := &q.deadlined
	if r.Deadline.IsZero() {
		to, by = &q.bestEffort, func(a, b *request) int { return a.queued.Compare(b.queued) }
	}
	// Mostly the last; equals stay in the order of arrival.
	i := len(*to)
	for i > 0 && by((*to)[i-1], r) > 0 {
		i--
	}
	*to = slices.Insert(*to, i, r)
}

// prune forgets sessions that have gone, once in a while.
func (q *queue) prune(now time.Time) {
	if now.Sub(q.pruned) < active {
		return
	}
	q.pruned = now
	for name, s := range q.sessions {
		if s.queued == 0 && now.Sub(s.seen) > active {
			delete(q.sessions, name)
		}
	}
}

// sorted returns all that waits in the order of service: those without a
// deadline last, until they have waited for patience. Valid until the next call.
func (q *queue) sorted(now time.Time) []*request {
	q.order = q.order[:0]
	i := 0
	for _, r := range q.bestEffort {
		if now.Sub(r.queued) < patience {
			break
		}
		for i < len(q.deadlined) && !q.deadlined[i].due().After(r.due()) {
			q.order = append(q.order, q.deadlined[i])
			i++
		}
		q.order = append(q.order, r)
	}
	old := len(q.order) - i
	q.order = append(q.order, q.deadlined[i:]...)
	q.order = append(q.order, q.bestEffort[old:]...)
	return q.order
}

// remove takes those given out.
func (q *queue) remove(items []*request) {
	gone := make(map[*request]bool, len(items))
	for _, r := range items {
		gone[r] = true
		r.of.queued--
	}
	is := func(r *request) bool { return gone[r] }
	q.deadlined = slices.DeleteFunc(q.deadlined, is)
	q.bestEffort = slices.DeleteFunc(q.bestEffort, is)
}

// empty takes all out.
func (q *queue) empty() []*request {
	out := slices.Concat(q.deadlined, q.bestEffort)
	for _, r := range out {
		r.of.queued--
	}
	q.deadlined, q.bestEffort = nil, nil
	return out
}

// late takes out those that a run of at least the given length cannot serve any more.
func (q *queue) late(now time.Time, least time.Duration) []*request {
	n := 0
	for n < len(q.deadlined) && q.deadlined[n].lateBy(now.Add(least)) {
		q.deadlined[n].of.queued--
		n++
	}
	if n == 0 {
		return nil
	}
	out := slices.Clone(q.deadlined[:n])
	q.deadlined = slices.Delete(q.deadlined, 0, n)
	return out
}

// oldest returns when the request that waits longest came; the queue is not empty.
func (q *queue) oldest() time.Time {
	var t time.Time
	for _, r := range q.deadlined {
		if t.IsZero() || r.queued.Before(t) {
			t = r.queued
		}
	}
	if len(q.bestEffort) > 0 && (t.IsZero() || q.bestEffort[0].queued.Before(t)) {
		t = q.bestEffort[0].queued
	}
	return t
}

// absent returns how many sessions that were here lately have nothing waiting.
func (q *queue) absent(now time.Time) (n int) {
	for _, s := range q.sessions {
		if s.queued == 0 && now.Sub(s.seen) <= active {
			n++
		}
	}
	return n
}

// active is how long after its last request a session is expected to come again.
const active = time.Second

// arrivals learns how far apart requests come.
type arrivals struct {
	last time.Time
	gap  time.Duration // mean
}

func (a *arrivals) note(now time.Time) {
	if !a.last.IsZero() {
		d := min(now.Sub(a.last), active)
		if a.gap == 0 {
			a.gap = active
		}
		a.gap += (d - a.gap) / 8
	}
	a.last = now
}
