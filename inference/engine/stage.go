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
func (l *Loop) stageAt(now time.Time) (time.Time, bool) {
	n := min(l.queue.len(), l.speeds.largest().size)
	cost := time.Duration(n) * l.copying
	if l.state != Ready || l.staged != nil || len(l.again) > 0 || cost < stageFrom {
		return now, false
	}
	end := l.running.started.Add(l.speeds.of(l.running.bucket).time(now))
	if at := end.Add(-2*cost - stageEarly); at.After(now) {
		return at, true
	}
	if end.Before(now) {
		end = now
	}
	c := l.take(end)
	if len(c.items) == 0 {
		return now, false
	}
	l.staged = &batch{bucket: c.bucket, items: c.items}
	b := l.staged
	l.mu.Unlock()
	l.assemble(b)
	l.mu.Lock()
	return now, false
}

// topUp brings a batch that was assembled ahead up to the moment: those that are too
// late by now are refused, and free places are given to who came since. It returns
// false, and the batch is no more, if nobody is left or its bucket is not used any more.
func (l *Loop) topUp(b *batch, now time.Time) bool {
	s, least := l.speeds.of(b.bucket), l.speeds.least(now)
	if s == nil {
		l.requeue(b)
		l.free(b)
		return false
	}
	left := b.answer(func(r *request) {
		if r.lateBy(now.Add(least)) {
			l.stats.late++
			r.fail(l.late())
		}
	})
	if left == 0 {
		l.free(b)
		return false
	}
	if free := b.bucket - len(b.items); free > 0 && l.queue.len() > 0 {
		kind, mark := b.items[0].kind, l.mark()
		same := slices.DeleteFunc(l.queue.sorted(now), func(r *request) bool { return r.kind != kind })
		b.items = append(b.items, pick(same, free, now.Add(s.bound(now)), mark)...)
		l.queue.removeIf(func(r *request) bool { return r.mark == mark })
	}
	return true
}

// requeue puts what a batch carries back into the queue.
func (l *Loop) requeue(b *batch) {
	for _, r := range b.items {
		if !r.answered {
			l.queue.add(r)
		}
	}
	b.items = nil
}
