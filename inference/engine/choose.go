package engine

import (
	"slices"
	"time"
)

// choice is a batch that could be run.
type choice struct {
	bucket int
	items  []*request
	missed int     // of the others that wait, how many come too late for it
	rate   float64 // items a second
}

// choose picks the next batch of those in order, to start at the given time, on a
// device of the given speeds: the one after which fewest of the others come too late,
// of these the one that serves most a second, of these the smallest. It is empty if
// nothing waits.
//
// While there is more to do than the device can, that would have it run small batches for
// the earliest, and be late for all others in their turn. Then only what is served a
// second counts. As many are too late whoever is taken, so those at the brink are left
// out, whom the least delay would make late after the device has worked for them.
func choose(order []*request, device *speeds, at time.Time) choice {
	_, cruise := device.rate(len(order), at)
	each := cruise.time(at)
	var least, fastest choice
	for i := range device.all {
		b := &device.all[i]
		items, taken := pick(order, b.size, at.Add(b.bound(at)))
		if len(items) == 0 {
			continue
		}
		c := choice{bucket: b.size, items: items}
		took := b.time(at)
		c.missed = misses(order, taken, at.Add(took), each, cruise.size)
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
	bound := device.of(fastest.bucket).bound(at)
	safe, rest := brinkLast(order, at.Add(2*bound))
	if misses(safe, nil, at, each, cruise.size) == 0 {
		return least // the others catch up
	}
	fastest.items, _ = pick(append(safe, rest...), fastest.bucket, at.Add(bound))
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

// pick returns up to size requests that a run until end serves, of one shape,
// earliest first, and which of order they are. While several sessions wait none
// gets more than its share; what they leave free is anybody's.
func pick(order []*request, size int, end time.Time) (items []*request, taken []bool) {
	fits := func(r *request) bool { return !r.lateBy(end) }
	i := slices.IndexFunc(order, fits)
	if i < 0 {
		return nil, nil
	}
	kind, of := order[i].kind, map[*session]int{} // of each session, those picked
	for _, r := range order[i:] {
		if fits(r) && r.kind == kind {
			of[r.of] = 0
		}
	}
	taken = make([]bool, len(order))
	share := (size + len(of) - 1) / len(of)
	for _, most := range []int{share, size} {
		for i, r := range order {
			if len(items) == size {
				return items, taken
			}
			if taken[i] || of[r.of] >= most || !fits(r) || r.kind != kind {
				continue
			}
			taken[i] = true
			of[r.of]++
			items = append(items, r)
		}
	}
	return items, taken
}

// misses counts which of order without those taken come too late when the device is
// free at start and then runs batches of size, each of which takes so long.
func misses(order []*request, taken []bool, start time.Time, each time.Duration, size int) (n int) {
	end, room := start.Add(each), size
	for i, r := range order {
		if taken != nil && taken[i] || r.Deadline.IsZero() {
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
