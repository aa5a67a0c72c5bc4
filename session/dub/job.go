package dub

import (
	"context"
	"errors"
	"time"

	"livedub/inference"
	"livedub/media/pace"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/work"
)

// job is a phrase on its way to be dubbed.
type job struct {
	phrase  inference.Phrase
	hold    pace.Hold
	heard   time.Duration // session time when it was known
	record  spec.Record
	outcome spec.Outcome // "" as long as it is on its way
	err     error        // why it was skipped
}

// maxWaiting is how many phrases wait for one engine of a dub at most.
const maxWaiting = 16

const (
	// handover is what the voice is left of the time that a phrase has, in any case.
	handover = 300 * time.Millisecond
	// onTime is how long a phrase may wait for those before it, whose time is over
	// then; for the translator half of it, so that it stays below a second even
	// where both engines are dead.
	onTime = 900 * time.Millisecond
)

// Hear takes a phrase that was known when the source had been heard up to now:
// the plan expects it, and once it is final it is queued. Where time goes on
// without us, the phrase that has waited longest is left out for it if too many
// wait; else the speaker waits.
func (d *Dub) Hear(ctx context.Context, p inference.Phrase, now time.Duration) {
	switch {
	case !d.Speaks() || !d.hears(p):
		return
	case p.Lang == d.Lang: // told by ear
		d.sayItself(p, now)
		return
	}
	d.timeline.Expect(now, p)
	if !p.Final {
		return
	}
	h := d.env.Clock.Hold(now)
	j := &job{phrase: p, hold: h, heard: h.Now()}
	j.record.HeardAt, j.record.Engines = j.heard, d.env.Engines.Names
	d.admit(ctx, d.translating, d.phrases, j)
}

// sayItself takes a phrase in the dub's own language: it is what listeners want to
// hear, so the original sounds, and its text is the caption.
func (d *Dub) sayItself(p inference.Phrase, now time.Duration) {
	if !p.Final {
		return
	}
	r := spec.Record{Phrase: p, Text: p.Text, Outcome: spec.SkippedSame, HeardAt: now}
	told := record.Of(d.Lang, p)
	told.Skipped = &r
	d.env.Tell(told)
	d.keep(r)
}

// admit queues j before one of the dub's engines.
func (d *Dub) admit(ctx context.Context, st *work.Stage, q *work.Queue[*job], j *job) {
	dropped, err := work.Admit(ctx, d.env.Pacing, q, j)
	if err != nil {
		dropped = append(dropped, j)
	}
	st.Drop(len(dropped))
	for _, j := range dropped {
		if err == nil {
			d.skip(j, spec.SkippedLate, errors.New("too many phrases are waiting"))
		}
		j.hold.Release()
	}
}

// OwnVoice is told of a phrase that is a dub which came back: no listener of a dub is to hear it again.
func (d *Dub) OwnVoice(p inference.Phrase) {
	if !d.Original {
		d.timeline.Mute(p)
	}
}

// Unrecognized is told that the source up to at was not recognized, and why.
func (d *Dub) Unrecognized(at time.Duration, why string) { d.ladder.set(at, spec.Passthrough, why) }

// last is the latest session time at which j's dub could still be placed.
func (d *Dub) last(j *job) time.Duration {
	return j.phrase.Start + d.env.Config.Delay + d.env.Config.MaxLate() - d.env.Config.Profile.Freeze()
}

// soon is the session time by which j should be at work at the engine that q
// waits for, or it will be late.
func (d *Dub) soon(j *job, q *work.Queue[*job]) time.Duration {
	wait, due := onTime, j.phrase.Start+d.env.Config.Delay-d.env.Config.Profile.Freeze()
	if q == d.phrases {
		wait, due = onTime/2, due-handover
	}
	return max(j.heard+wait, due)
}

// until bounds one call for j by what is left of its time, up to session time
// end; the first try has half of it, or what the engine is estimated to need, but
// LeastCall in any case. No phrase waits
// behind a dead one: once another waits in q that would be late for it, j's time
// is over, also for a call that does not return at once.
func (d *Dub) until(j *job, q *work.Queue[*job], end, needs time.Duration, try int) func() (time.Duration, <-chan struct{}) {
	clock := d.env.Clock
	began := clock.Now()
	least := began
	if try == 0 {
		end, least = min(end, began+max((end-began)/2, needs)), began+work.LeastCall
	}
	if d.env.Pacing.Limit(end-began) == 0 {
		return nil
	}
	return func() (time.Duration, <-chan struct{}) {
		stop := end
		next, ok, change := q.Peek()
		if ok {
			stop = min(stop, d.soon(next, q)-work.Grace)
		}
		return max(stop, least) - clock.Now(), change
	}
}
