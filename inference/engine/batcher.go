package engine

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"livedub/inference"
)

// gather is the batcher: it answers every request, and is never in the net.
func (br *Batcher) gather() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(br.step())
		select {
		case <-br.wake:
		case <-timer.C:
		case o := <-br.outcomes:
			br.finish(o)
		case s := <-br.opened:
			br.ready(s)
		case <-br.closed:
			br.end()
			return
		}
	}
}

// step refuses what is late, gives the device its next batch if it is time, and
// returns how long nothing is to be done unless something happens.
func (br *Batcher) step() time.Duration {
	now := time.Now()
	br.watch(now)
	next := now.Add(time.Minute)
	before := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	br.mu.Lock()
	br.refuse(now)
	if br.state == Ready && br.running == nil {
		at := br.start(now)
		before(at)
	}
	if b := br.running; b != nil {
		before(b.next(now))
		if br.state != Stuck {
			before(b.started.Add(br.c.TimeLimit))
		}
		if at, ok := br.stageAt(now); ok {
			before(at)
		}
	}
	if br.staged != nil {
		before(br.staged.next(now))
	}
	if len(br.queue.deadlined) > 0 {
		before(br.queue.deadlined[0].Deadline.Add(-br.speeds.least(now)))
	}
	br.mu.Unlock()
	return max(next.Sub(now)+time.Microsecond, 0)
}

// start closes a batch and gives it to the idle device, or returns when to look
// again. l.mu is held.
func (br *Batcher) start(now time.Time) time.Time {
	never := now.Add(time.Hour)
	b := br.staged
	br.staged = nil
	switch {
	case len(br.again) > 0:
		br.staged = b
		r := br.again[0]
		br.again = br.again[1:]
		b = &batch{bucket: br.speeds.fit(1).size, items: []*request{r}}
	case b != nil && br.topUp(b, now):
	case br.queue.len() == 0:
		return never
	default:
		if at := br.closeTime(now); at.After(now) {
			return at
		}
		c := br.take(now)
		if len(c.items) == 0 {
			return never
		}
		b = &batch{bucket: c.bucket, items: c.items}
	}
	br.running = b
	br.mu.Unlock()
	br.assemble(b)
	b.started = time.Now()
	br.jobs <- b      // the device waits for it
	runtime.Gosched() // it goes first: what the batcher has still to do would hold it up where processors are few
	br.mu.Lock()
	br.stats.started(b, b.started)
	return never
}

// take chooses the next batch, to start at the given time, and takes it out of the queue.
func (br *Batcher) take(at time.Time) choice {
	c := br.choose(br.queue.sorted(time.Now()), at)
	mark := br.mark()
	for _, r := range c.items {
		r.mark = mark
	}
	br.queue.removeIf(func(r *request) bool { return r.mark == mark })
	return c
}

// finish deals with what came of a batch. The device gets its next one before the
// results are looked at.
func (br *Batcher) finish(o outcome) {
	b, now := br.running, time.Now()
	if o.gone {
		br.c.Log.Error("a net was lost: it is opened anew", "net", br.c.Name, "error", o.err)
		br.lose(Lost, br.wrap(o.err, inference.ErrModelGone))
		br.running = nil
		br.free(b)
		return
	}
	br.running = nil
	switch {
	case o.err == nil:
		br.mu.Lock()
		br.stats.ran(o.took)
		if s := br.speeds.of(b.bucket); s != nil {
			s.observe(o.took, now)
		}
	case errors.Is(o.err, inference.ErrModelMemory) && br.lower(b.bucket):
		br.mu.Lock()
		br.requeue(b)
	case len(b.items) > 1:
		br.mu.Lock()
		for _, r := range b.items {
			if !r.answered {
				br.again = append(br.again, r)
			}
		}
		b.items = nil
	default:
		br.mu.Lock()
		b.answer(func(r *request) {
			br.stats.failed++
			r.fail(fmt.Errorf("engine: %s: %w", br.c.Name, o.err))
		})
	}
	if br.state == Stuck {
		br.state = Ready
		br.c.Log.Info("a stuck net came back", "net", br.c.Name)
	}
	br.refuse(now)
	if br.state == Ready {
		br.start(now)
	}
	br.mu.Unlock()
	if o.err == nil {
		br.deliver(b, o.out, now)
	}
	br.free(b)
}

// lower takes away the buckets that the device has no memory for; false if none is left.
func (br *Batcher) lower(size int) bool {
	br.mu.Lock()
	defer br.mu.Unlock()
	if !br.speeds.lower(size) {
		return false
	}
	br.c.Log.Warn("no memory for a batch: smaller ones from now on", "net", br.c.Name, "failed", size, "largest", br.speeds.largest().size)
	return true
}

// ready goes on with a net that was opened anew.
func (br *Batcher) ready(s *speeds) {
	br.mu.Lock()
	defer br.mu.Unlock()
	br.speeds, br.state = s, Ready
	br.stats.reopened++
	br.c.Log.Info("a net is back", "net", br.c.Name)
}

// end answers everything, and ends the net.
func (br *Batcher) end() {
	br.lose(Closed, fmt.Errorf("engine: %s: closed: %w", br.c.Name, inference.ErrModelGone))
	br.cancel()
}
