package engine

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"livedub/inference"
)

// gather is the batcher: it answers every request, and is never in the net. It
// alone touches the queue, the speeds and the counters.
func (br *Batcher) gather() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(br.step())
		br.publish()
		select {
		case <-br.wake:
		case <-timer.C:
		case o := <-br.outcomes:
			br.finish(o)
		case s := <-br.opened:
			br.ready(s)
		case <-br.closed:
			br.end()
			br.publish()
			return
		}
	}
}

// admit takes what has come in since into the queue.
func (br *Batcher) admit() {
	for _, r := range br.gate.take() {
		br.arrived.note(r.queued)
		br.queue.add(r)
	}
}

// dequeue takes requests out of the queue, which are to be run.
func (br *Batcher) dequeue(rs []*request) {
	br.queue.remove(rs)
	br.gate.left(rs...)
}

// step refuses what is late, gives the device its next batch if it is time, and
// returns how long nothing is to be done unless something happens.
func (br *Batcher) step() time.Duration {
	now := time.Now()
	br.admit()
	br.watch(now)
	next := now.Add(time.Minute)
	before := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	br.refuse(now)
	if br.State() == Ready && br.running == nil {
		before(br.start(now))
	}
	if b := br.running; b != nil {
		before(b.next(now))
		if br.State() != Stuck {
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
	return max(next.Sub(now)+time.Microsecond, 0)
}

// newBatch returns a batch that is not assembled.
func (br *Batcher) newBatch(bucket int, items []*request) *batch {
	return &batch{bucket: bucket, items: items, least: bucket == br.speeds.all[0].size}
}

// start closes a batch and gives it to the idle device, or returns when to look again.
func (br *Batcher) start(now time.Time) time.Time {
	never := now.Add(time.Hour)
	b := br.staged
	br.staged = nil
	switch {
	case len(br.again) > 0:
		br.staged = b
		r := br.again[0]
		br.again = br.again[1:]
		b = br.newBatch(br.speeds.fit(1).size, []*request{r})
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
		b = br.newBatch(c.bucket, c.items)
	}
	br.running = b
	br.assemble(b)
	b.started = time.Now()
	br.jobs <- b      // the device waits for it
	runtime.Gosched() // it goes first: what the batcher has still to do would hold it up where processors are few
	br.stats.started(b, b.started)
	return never
}

// take chooses the next batch, to start at the given time, and takes it out of the queue.
func (br *Batcher) take(at time.Time) choice {
	c := choose(br.queue.sorted(time.Now()), br.speeds, at)
	br.dequeue(c.items)
	return c
}

// finish deals with what came of a batch. The device gets its next one before the
// results are looked at.
func (br *Batcher) finish(o outcome) {
	b, now := br.running, time.Now()
	br.admit()
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
		br.stats.ran(o.took)
		if s := br.speeds.of(b.bucket); s != nil && !br.c.varies {
			s.observe(o.took, now)
		}
	case errors.Is(o.err, inference.ErrModelMemory) && br.lower(b.bucket):
		br.requeue(b)
	case len(b.items) > 1:
		for _, r := range b.items {
			if !r.answered {
				br.again = append(br.again, r)
			}
		}
		b.items = nil
	default:
		b.answer(func(r *request) {
			br.stats.failed++
			br.fail(r, fmt.Errorf("engine: %s: %w", br.c.Name, o.err))
		})
	}
	if br.State() == Stuck {
		br.gate.set(Ready)
		br.c.Log.Info("a stuck net came back", "net", br.c.Name)
	}
	br.refuse(now)
	if br.State() == Ready {
		br.start(now)
	}
	if o.err == nil {
		br.deliver(b, o, now)
	}
	br.free(b)
}

// lower takes away the buckets that the device has no memory for; false if none is left.
func (br *Batcher) lower(size int) bool {
	if !br.speeds.lower(size) {
		return false
	}
	br.c.Log.Warn("no memory for a batch: smaller ones from now on", "net", br.c.Name, "failed", size, "largest", br.speeds.largest().size)
	return true
}

// ready goes on with a net that was opened anew.
func (br *Batcher) ready(s *speeds) {
	br.speeds = s
	br.stats.reopened++
	br.gate.set(Ready)
	br.c.Log.Info("a net is back", "net", br.c.Name)
}

// end answers everything, and ends the net.
func (br *Batcher) end() {
	br.lose(Closed, fmt.Errorf("engine: %s: closed: %w", br.c.Name, inference.ErrModelGone))
	br.cancel()
}
