package session

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/badge"
	"livedub/media/pace"
	"livedub/session/fanout"
	"livedub/session/spec"
	"livedub/session/timeline"
	"livedub/session/work"
)

// Dub is one target language of a session: its plan, its voice, its frames.
type Dub struct {
	s        *Session
	lang     inference.Lang
	original bool // no dub at all: the source as it came, on the same clock
	timeline *timeline.Timeline
	ladder   *ladder
	fanout   *fanout.Fanout
	badge    *badge.Badge // used by whoever renders

	climbing sync.Mutex   // over each decision how high the ladder may go
	off      atomic.Bool  // the mouth was switched off
	lipsDown atomic.Bool  // its engine is too slow, or fails
	facesTo  atomic.Int64 // session time until which faces count as not found in time

	phrases *work.Queue[*job] // to be translated
	voices  *work.Queue[*job] // to be spoken
	frames  chan videoFrame
	goodbye pace.Hold   // held from the source's end until the last phrase is placed; guarded by mu
	said    atomic.Bool // the last phrase is placed

	translating, speaking, warming, lipping *work.Stage

	stop context.CancelFunc // ends the dub alone; set before it starts
	gone chan struct{}      // closed when all of it has ended

	mu      sync.Mutex
	blind   bool // show has ended
	counts  counts
	records []spec.Record
}

func newDub(s *Session, lang inference.Lang, original bool) *Dub {
	d := &Dub{
		s: s, lang: lang, original: original, timeline: timeline.New(s.cfg.Planning()), fanout: fanout.New(s.fanoutEnv()),
		phrases: work.NewQueue(work.AtMost[*job](maxWaiting)), voices: work.NewQueue(work.AtMost[*job](maxWaiting)), frames: make(chan videoFrame, 4),
		counts: counts{outcomes: map[spec.Outcome]int{}}, badge: badge.New(s.cfg.Badge), gone: make(chan struct{}),
		translating: s.newStage("translator"), speaking: s.newStage("speaker"), warming: s.newStage("warm"), lipping: s.newStage("lips"),
	}
	level, why := d.best()
	d.ladder = newLadder(level, why, func(at time.Duration, l spec.Level, why string) {
		s.events.send(spec.Event{Ladder: &spec.LadderChange{Lang: lang, Level: l, Why: why, At: at}})
	})
	return d
}

// start runs the dub as a part of g: until the source has ended, g ends, or stop.
func (d *Dub) start(g *work.Group, sound *audioBuffer, frames bool) {
	d.fanout.Expect(sound != nil, frames)
	ctx, stop := context.WithCancel(g.Context())
	d.stop = stop
	var r *audioReader
	if sound != nil {
		r = sound.reader() // before the first sound comes, so that none is missed
	}
	first := max(d.s.cfg.Delay, d.s.clock.Now().Truncate(block)) // a dub that is added later begins with what is due now
	g.Run("dub "+string(d.lang), func(context.Context) error {
		defer close(d.gone)
		own := work.NewGroup(ctx)
		// What breaks one dub ends the session at once: its other parts wait for
		// one another. A dub that is taken away breaks nothing.
		defer context.AfterFunc(own.Context(), func() {
			if ctx.Err() == nil && own.Err() != nil {
				g.Fail(own.Err())
			}
		})()
		if d.speaks() {
			own.Run("warm "+string(d.lang), d.warm)
			own.Run("translate "+string(d.lang), d.translate)
			own.Run("speak "+string(d.lang), d.speak)
		} else {
			d.said.Store(true)
		}
		if r != nil {
			own.Run("play "+string(d.lang), func(ctx context.Context) error {
				defer r.close()
				r.seek(first - d.s.cfg.Delay)
				return d.play(ctx, r, first)
			})
		}
		if frames {
			own.Run("show "+string(d.lang), d.show)
		}
		err := own.Wait()
		if taken := ctx.Err() != nil && g.Context().Err() == nil; taken {
			return nil
		}
		return err
	})
}

// speaks tells whether phrases are dubbed here.
func (d *Dub) speaks() bool { return d.s.engines.Speaks() && !d.original }

// spoken tells that no more phrases come.
func (d *Dub) spoken() {
	d.said.Store(true)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.goodbye != nil {
		d.goodbye.Release()
	}
}

// block is how much sound is made at a time.
const block = 20 * time.Millisecond

// planned is how long after its time a plan is kept: frames may lag behind the
// sound, in virtual time by as much as the delay lines hold.
const planned = 30 * time.Second

// play is the sound's way from output time first on: the delayed original at
// its planned gain and the dub over it.
func (d *Dub) play(ctx context.Context, r *audioReader, first time.Duration) error {
	channels := r.buffer.channels
	pcm := make([]int16, media.TimeToSamples(block, timeline.Rate)*channels)
	for o := first; ; o += block {
		if err := d.s.clock.Wait(ctx, o+block); err != nil {
			return err
		}
		if d.over(o) {
			return d.fanout.FlushSound()
		}
		r.read(pcm)
		d.timeline.Mix(o, pcm, channels)
		d.timeline.Forget(o - planned)
		if !d.fanout.Watched() {
			d.fanout.DropSound()
			continue
		}
		err := d.s.meter.Do("encode_audio", func() error {
			return d.fanout.Sound(media.Samples{PTS: o, Rate: timeline.Rate, Channels: channels, Data: pcm})
		})
		if err != nil {
			return err
		}
	}
}

// over tells whether nothing is left to be heard at output time o.
func (d *Dub) over(o time.Duration) bool {
	end := time.Duration(d.s.ended.Load())
	return end > 0 && d.said.Load() && o >= max(end+d.s.cfg.Delay, d.timeline.End())
}

func (d *Dub) count(fn func(*counts)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn(&d.counts)
}

func (d *Dub) keep(r spec.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts.outcomes[r.Outcome]++
	d.records = append(d.records, r)
	if n := d.s.cfg.KeepRecords; n > 0 && len(d.records) > n {
		d.records = slices.Delete(d.records, 0, len(d.records)-n)
	}
}
