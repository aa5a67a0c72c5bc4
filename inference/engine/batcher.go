package engine

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"livedub/inference"
)

// gather is the batcher: it answers every request, and is never in the net.
func (l *Loop) gather() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(l.step())
		select {
		case <-l.wake:
		case <-timer.C:
		case o := <-l.outcomes:
			l.finish(o)
		case s := <-l.opened:
			l.ready(s)
		case <-l.closed:
			l.end()
			return
		}
	}
}

// step refuses what is late, gives the device its next batch if it is time, and
// returns how long nothing is to be done unless something happens.
func (l *Loop) step() time.Duration {
	now := time.Now()
	l.watch(now)
	next := now.Add(time.Minute)
	before := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	l.mu.Lock()
	l.refuse(now)
	if l.state == Ready && l.running == nil {
		at := l.start(now)
		before(at)
	}
	if b := l.running; b != nil {
		before(b.next(now))
		if l.state != Stuck {
			before(b.started.Add(l.c.TimeLimit))
		}
		if at, ok := l.stageAt(now); ok {
			before(at)
		}
	}
	if l.staged != nil {
		before(l.staged.next(now))
	}
	if len(l.queue.hurry) > 0 {
		before(l.queue.hurry[0].Deadline.Add(-l.speeds.least(now)))
	}
	l.mu.Unlock()
	return max(next.Sub(now)+time.Microsecond, 0)
}

// start closes a batch and gives it to the idle device, or returns when to look
// again. l.mu is held.
func (l *Loop) start(now time.Time) time.Time {
	never := now.Add(time.Hour)
	b := l.staged
	l.staged = nil
	switch {
	case len(l.again) > 0:
		l.staged = b
		r := l.again[0]
		l.again = l.again[1:]
		b = &batch{bucket: l.speeds.fit(1).size, items: []*request{r}}
	case b != nil && l.topUp(b, now):
	case l.queue.len() == 0:
		return never
	default:
		if at := l.ripe(now); at.After(now) {
			return at
		}
		c := l.take(now)
		if len(c.items) == 0 {
			return never
		}
		b = &batch{bucket: c.bucket, items: c.items}
	}
	l.running = b
	l.mu.Unlock()
	l.assemble(b)
	b.started = time.Now()
	l.jobs <- b       // the device waits for it
	runtime.Gosched() // it goes first: what the batcher has still to do would hold it up where processors are few
	l.mu.Lock()
	l.stats.started(b, b.started)
	return never
}

// take chooses the next batch, to start at the given time, and takes it out of the queue.
func (l *Loop) take(at time.Time) choice {
	c := l.choose(l.queue.sorted(time.Now()), at)
	mark := l.mark()
	for _, r := range c.items {
		r.mark = mark
	}
	l.queue.removeIf(func(r *request) bool { return r.mark == mark })
	return c
}

// finish deals with what came of a batch. The device gets its next one before the
// results are looked at.
func (l *Loop) finish(o outcome) {
	b, now := l.running, time.Now()
	if o.gone {
		l.c.Log.Error("a net was lost: it is opened anew", "net", l.c.Name, "error", o.err)
		l.lose(Lost, l.wrap(o.err, inference.ErrModelGone))
		l.running = nil
		l.free(b)
		return
	}
	l.running = nil
	switch {
	case o.err == nil:
		l.mu.Lock()
		l.stats.ran(o.took)
		if s := l.speeds.of(b.bucket); s != nil {
			s.observe(o.took, now)
		}
	case errors.Is(o.err, inference.ErrModelMemory) && l.lower(b.bucket):
		l.mu.Lock()
		l.requeue(b)
	case len(b.items) > 1:
		l.mu.Lock()
		for _, r := range b.items {
			if !r.answered {
				l.again = append(l.again, r)
			}
		}
		b.items = nil
	default:
		l.mu.Lock()
		b.answer(func(r *request) {
			l.stats.failed++
			r.fail(fmt.Errorf("engine: %s: %w", l.c.Name, o.err))
		})
	}
	if l.state == Stuck {
		l.state = Ready
		l.c.Log.Info("a stuck net came back", "net", l.c.Name)
	}
	l.refuse(now)
	if l.state == Ready {
		l.start(now)
	}
	l.mu.Unlock()
	if o.err == nil {
		l.deliver(b, o.out, now)
	}
	l.free(b)
}

// lower takes away the buckets that the device has no memory for; false if none is left.
func (l *Loop) lower(size int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.speeds.lower(size) {
		return false
	}
	l.c.Log.Warn("no memory for a batch: smaller ones from now on", "net", l.c.Name, "failed", size, "largest", l.speeds.largest().size)
	return true
}

// ready goes on with a net that was opened anew.
func (l *Loop) ready(s *speeds) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.speeds, l.state = s, Ready
	l.stats.reopened++
	l.c.Log.Info("a net is back", "net", l.c.Name)
}

// end answers everything, and ends the net.
func (l *Loop) end() {
	l.lose(Closed, fmt.Errorf("engine: %s: closed: %w", l.c.Name, inference.ErrModelGone))
	l.cancel()
}
