package engine

import (
	"slices"
	"time"
)

// stageFrom is how long assembling a batch must take to be done while the one before still runs.
const stageFrom = 100 * time.Microsecond

// stageEarly is how much earlier than need be a batch is assembled: timers are late on busy machines.
const stageEarly = time.Millisecond

// stageAt assembles the next batch if the device will be free by when that is
// done, or returns when that will be so.
func (br *Batcher) stageAt(now time.Time) (time.Time, bool) {
	n := min(br.queue.len(), br.speeds.largest().size)
	cost := time.Duration(n) * br.copying
	if br.State() != Ready || br.staged != nil || len(br.again) > 0 || cost < stageFrom {
		return now, false
	}
	end := br.running.started.Add(br.speeds.of(br.running.bucket).time(now))
	if at := end.Add(-2*cost - stageEarly); at.After(now) {
		return at, true
	}
	if end.Before(now) {
		end = now
	}
	c := br.take(end)
	if len(c.items) == 0 {
		return now, false
	}
	br.staged = br.newBatch(c.bucket, c.items)
	br.assemble(br.staged)
	return now, false
}

// topUp brings a batch that was assembled ahead up to the moment: those that are too
// late by now are refused, and free places are given to who came since. It returns
// false, and the batch is no more, if nobody is left or its bucket is not used any more.
func (br *Batcher) topUp(b *batch, now time.Time) bool {
	s, least := br.speeds.of(b.bucket), br.speeds.least(now)
	if s == nil {
		br.requeue(b)
		br.free(b)
		return false
	}
	left := b.answer(func(r *request) {
		if r.lateBy(now.Add(least)) {
			br.stats.late++
			br.fail(r, br.late())
		}
	})
	if left == 0 {
		br.free(b)
		return false
	}
	if free := b.bucket - len(b.items); free > 0 && br.queue.len() > 0 {
		kind := b.items[0].kind
		same := slices.DeleteFunc(br.queue.sorted(now), func(r *request) bool { return r.kind != kind })
		more, _ := pick(same, free, now.Add(s.bound(now)))
		br.dequeue(more)
		b.items = append(b.items, more...)
	}
	return true
}

// requeue puts what a batch carries back into the queue.
func (br *Batcher) requeue(b *batch) {
	for _, r := range b.items {
		if !r.answered {
			br.queue.add(r)
			br.gate.back(r)
		}
	}
	b.items = nil
}
