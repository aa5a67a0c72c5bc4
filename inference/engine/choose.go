package engine

import "time"

// choice is a batch that could be run.
type choice struct {
	bucket int
	items  []*request
	missed int     // of the others that wait, how many come too late for it
	rate   float64 // items a second
}

// choose picks the next batch of those in order, to start at the given time: the one
// after which fewest of the others come too late, of these the one that serves most a
// second, of these the smallest. It is empty if nothing waits.
//
// While there is more to do than the device can, that would have it run small batches for
// the earliest, and be late for all others in their turn. Then only what is served a
// second counts. As many are too late whoever is taken, so those at the brink are left
// out, whom the least delay would make late after the device has worked for them.
func (br *Batcher) choose(order []*request, at time.Time) choice {
	_, cruise := br.speeds.rate(len(order), at)
	each := cruise.time(at)
	var least, fastest choice
	for i := range br.speeds.all {
		b := &br.speeds.all[i]
		c := choice{bucket: b.size, items: pick(order, b.size, at.Add(b.bound(at)), br.mark())}
		if len(c.items) == 0 {
			continue
		}
		took := b.time(at)
		c.missed = misses(order, br.marks, at.Add(took), each, cruise.size)
		c.rate = float64(len(c.items)) / took.Seconds()
		if least.items == nil || c.missed < least.missed || c.missed == least.missed && c.rate > least.rate*worth {
			least = c
		}
		if fastest.items == nil || c.rate > fastest.rate*worth {
			fastest = c
		}
	}
	if least.missed == 0 {
		return least
	}
	bound := br.speeds.of(fastest.bucket).bound(at)
	safe, rest := brinkLast(order, at.Add(2*bound))
	if misses(safe, 0, at, each, cruise.size) == 0 {
		return least // the others catch up
	}
	fastest.items = pick(append(safe, rest...), fastest.bucket, at.Add(bound), br.mark())
	return fastest
}

// brinkLast divides order into those with a deadline that are not late by the given time, and
// the rest: who is, then those without one.
func brinkLast(order []*request, by time.Time) (safe, rest []*request) {
	deadlined := len(order)
	for deadlined > 0 && order[deadlined-1].Deadline.IsZero() {
		deadlined--
	}
	for _, r := range order[:deadlined] {
		if r.lateBy(by) {
			rest = append(rest, r)
		} else {
			safe = append(safe, r)
		}
	}
	return safe, append(rest, order[deadlined:]...)
}

// mark returns a mark that no request bears.
func (br *Batcher) mark() int {
	br.marks++
	return br.marks
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

// misses counts which of order without the marked come too late when the device is free
// at start and then runs batches of size, each of which takes so long.
func misses(order []*request, mark int, start time.Time, each time.Duration, size int) (n int) {
	end, room := start.Add(each), size
	for _, r := range order {
		if mark != 0 && r.mark == mark || r.Deadline.IsZero() {
			continue
		}
		if r.lateBy(end) {
			n++
			continue
		}
		if room--; room == 0 {
			end, room = end.Add(each), size
		}
	}
	return n
}

// closeTime returns when the batch is to be closed that now gathers beside an idle
// device: at once when it is full or when nothing is won by waiting, else when its
// oldest request has its age or its earliest would come too late.
func (br *Batcher) closeTime(now time.Time) time.Time {
	n := br.queue.len()
	next := br.speeds.fit(n + 1)
	if n >= br.speeds.largest().size || br.c.MaxAge < 0 || br.arrived.gap > br.c.MaxAge || br.queue.absent(now) == 0 {
		return now
	}
	rate, _ := br.speeds.rate(n, now)
	if more, _ := br.speeds.rate(n+1, now); more < rate*1.1 {
		return now
	}
	at := br.queue.oldest().Add(br.c.MaxAge)
	if len(br.queue.deadlined) > 0 {
		if d := br.queue.deadlined[0].Deadline.Add(-next.bound(now)); d.Before(at) {
			at = d
		}
	}
	return at
}
