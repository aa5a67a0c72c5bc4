package engine

import "time"

// choice is a batch that could be run.
type choice struct {
	bucket int
	items  []*request
}

// choose picks the next batch of those in order, to start at the given time: of
// those after which all that wait can be in time the one that serves most a second, of
// these the smallest. If there is none the device has more to do than it can: then
// only what it serves a second counts, and who cannot be part of that is late. Small
// batches for the earliest would make all others late in their turn.
// The choice is empty if nothing waits.
func (l *Loop) choose(order []*request, at time.Time) choice {
	var best choice
	var bestFine bool
	var bestRate float64
	_, cruise := l.speeds.rate(len(order), at)
	for i := range l.speeds.all {
		b := &l.speeds.all[i]
		items := pick(order, b.size, at.Add(b.bound(at)), l.mark())
		if len(items) == 0 {
			continue
		}
		took := b.time(at)
		fine := allFine(order, l.marks, at.Add(took), cruise.time(at), cruise.size)
		rate := float64(len(items)) / took.Seconds()
		if best.items == nil || fine && !bestFine || fine == bestFine && rate > bestRate*worth {
			best, bestFine, bestRate = choice{b.size, items}, fine, rate
		}
	}
	if best.items != nil && !bestFine {
		// As many are too late whichever are taken: leave out who is at the brink, whom
		// the least delay would make late after the device has worked for them.
		room := at.Add(2 * l.speeds.of(best.bucket).bound(at))
		best.items = pick(brinkLast(order, room), best.bucket, at.Add(l.speeds.of(best.bucket).bound(at)), l.mark())
	}
	return best
}

// brinkLast moves those that are late by the given time to the end.
func brinkLast(order []*request, by time.Time) []*request {
	var late []*request
	fine := make([]*request, 0, len(order))
	for _, r := range order {
		if r.lateBy(by) {
			late = append(late, r)
		} else {
			fine = append(fine, r)
		}
	}
	return append(fine, late...)
}

// mark returns a mark that no request bears.
func (l *Loop) mark() int {
	l.marks++
	return l.marks
}

// pick takes up to size requests that a run until end serves, of one shape,
// earliest first. While several sessions wait none gets more than its share;
// what they leave free is anybody's.
func pick(order []*request, size int, end time.Time, mark int) []*request {
	var items []*request
	var first *request
	sessions := 0
	for _, r := range order {
		if r.lateBy(end) || first != nil && first.kind != r.kind {
			continue
		}
		if first == nil {
			first = r
		}
		if r.of.mark != mark {
			r.of.mark, r.of.taken = mark, 0
			sessions++
		}
	}
	if first == nil {
		return nil
	}
	share := (size + sessions - 1) / sessions
	for _, most := range []int{share, size} {
		for _, r := range order {
			if len(items) == size {
				return items
			}
			if r.mark == mark || r.of.taken >= most || r.lateBy(end) || first.kind != r.kind {
				continue
			}
			r.mark = mark
			r.of.taken++
			items = append(items, r)
		}
	}
	return items
}

// allFine tells whether all of order but the marked are in time when the device is free
// at start and then runs batches of size, each of which takes so long.
func allFine(order []*request, mark int, start time.Time, each time.Duration, size int) bool {
	end, room := start.Add(each), size
	for _, r := range order {
		if r.mark == mark || r.Deadline.IsZero() {
			continue
		}
		if r.lateBy(end) {
			return false
		}
		if room--; room == 0 {
			end, room = end.Add(each), size
		}
	}
	return true
}

// ripe returns when the batch is to be closed that now gathers beside an idle
// device: at once when it is full or when nothing is won by waiting, else when its
// oldest request has its age or its earliest would come too late.
func (l *Loop) ripe(now time.Time) time.Time {
	n := l.queue.len()
	next := l.speeds.fit(n + 1)
	if n >= l.speeds.largest().size || l.c.MaxAge < 0 || l.arrived.gap > l.c.MaxAge || l.queue.absent(now) == 0 {
		return now
	}
	rate, _ := l.speeds.rate(n, now)
	if more, _ := l.speeds.rate(n+1, now); more < rate*1.1 {
		return now
	}
	at := l.queue.oldest().Add(l.c.MaxAge)
	if len(l.queue.hurry) > 0 {
		if d := l.queue.hurry[0].Deadline.Add(-next.bound(now)); d.Before(at) {
			at = d
		}
	}
	return at
}
