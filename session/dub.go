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
	"livedub/session/timeline"
)

// Dub is one target language of a session: its plan, its voice, its pictures.
type Dub struct {
	s        *Session
	lang     inference.Lang
	original bool // no dub at all: the source as it came, on the same clock
	timeline *timeline.Timeline
	ladder   *ladder
	outlet   *outlet
	badge    *badge.Badge // used by show alone

	climbing sync.Mutex  // over each decision how high the ladder may go
	off      atomic.Bool // the mouth was switched off

	phrases  chan job
	pictures chan picture
	goodbye  pace.Hold   // held from the source's end until the last phrase is placed
	said     atomic.Bool // the last phrase is placed

	mu      sync.Mutex
	blind   bool // show has ended
	counts  counts
	records []Record
}

func newDub(s *Session, lang inference.Lang, original bool) *Dub {
	d := &Dub{
		s: s, lang: lang, original: original, timeline: timeline.New(s.cfg.planning()), outlet: newOutlet(s),
		phrases: make(chan job, maxWaiting), pictures: make(chan picture, 4),
		counts: counts{fates: map[Fate]int{}}, badge: badge.New(s.cfg.Badge),
	}
	level, why := d.best()
	d.ladder = newLadder(level, why, func(at time.Duration, l Level, why string) {
		s.watch.send(Event{Ladder: &LadderChange{Lang: lang, Level: l, Why: why, At: at}})
	})
	return d
}

// start runs the dub's part of the session in g.
func (d *Dub) start(g *group, sound *soundLine, pictures bool) {
	if d.s.cfg.Picture.File {
		d.outlet.expect(sound != nil, pictures)
	}
	if d.speaks() {
		g.run("speak "+string(d.lang), d.speak)
	} else {
		d.said.Store(true)
	}
	if sound != nil {
		r := sound.reader() // before the first sound comes, so that none is missed
		g.run("play "+string(d.lang), func(ctx context.Context) error {
			defer r.close()
			return d.play(ctx, r)
		})
	}
	if pictures {
		g.run("show "+string(d.lang), d.show)
	}
}

// speaks tells whether phrases are dubbed here.
func (d *Dub) speaks() bool { return d.s.engines.Speaks() && !d.original }

// spoken tells that no more phrases come.
func (d *Dub) spoken() {
	d.said.Store(true)
	if d.goodbye != nil {
		d.goodbye.Release()
	}
}

// block is how much sound is made at a time.
const block = 20 * time.Millisecond

// planned is how long after its time a plan is kept: pictures may lag behind the
// sound, in virtual time by as much as the delay lines hold.
const planned = 30 * time.Second

// play is the sound's way: the delayed original at its planned gain and the dub over it.
func (d *Dub) play(ctx context.Context, r *soundReader) error {
	channels := r.line.channels
	pcm := make([]int16, media.TimeToSamples(block, timeline.Rate)*channels)
	for o := d.s.cfg.Delay; ; o += block {
		if err := d.s.clock.Wait(ctx, o+block); err != nil {
			return err
		}
		if d.over(o) {
			return d.outlet.flushSound()
		}
		r.read(pcm)
		d.timeline.Mix(o, pcm, channels)
		d.timeline.Forget(o - planned)
		if !d.outlet.watched() {
			d.outlet.dropSound()
			continue
		}
		err := d.s.meter.do("encode_audio", func() error {
			return d.outlet.sound(media.Samples{PTS: o, Rate: timeline.Rate, Channels: channels, Data: pcm})
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

func (d *Dub) keep(r Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts.fates[r.Fate]++
	d.records = append(d.records, r)
	if n := d.s.cfg.KeepRecords; n > 0 && len(d.records) > n {
		d.records = slices.Delete(d.records, 0, len(d.records)-n)
	}
}
