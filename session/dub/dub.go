// Package dub is one target language of a session: phrases are translated,
// spoken and placed on the plan (speech.go), frames get the mouth that says them
// (show.go, mouth.go), and both leave by the fanout.
package dub

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/media"
	"livedub/media/badge"
	"livedub/media/pace"
	"livedub/session/fanout"
	"livedub/session/ingest"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
	"livedub/session/video"
	"livedub/session/work"
)

// Env is what a dub has of its session.
type Env struct {
	*work.Shared
	Config  *spec.Config
	Engines spec.Engines
	Mouths  *video.Mouths
	Words   func() glossary.Words // that the speaker has named
	Tell    func(record.Record)   // what happens
}

// Dub is one target language of a session: its plan, its voice, its frames.
type Dub struct {
	Lang     inference.Lang
	Original bool // no dub at all: the source as it came, on the same clock
	Fanout   *fanout.Fanout

	env      Env
	timeline *timeline.Timeline
	ladder   *ladder
	badge    *badge.Badge // used by whoever renders

	climbing sync.Mutex   // over each decision how high the ladder may go
	off      atomic.Bool  // the mouth was switched off
	lipsDown atomic.Bool  // its engine is too slow, or fails
	facesTo  atomic.Int64 // session time until which faces count as not found in time

	phrases *work.Queue[*job] // to be translated
	voices  *work.Queue[*job] // to be spoken
	frames  chan video.Frame
	goodbye pace.Hold                               // held from the source's end until the last phrase is placed; guarded by mu
	said    atomic.Bool                             // the last phrase is placed
	before  map[inference.Lang][]inference.Exchange // the last phrases, by the language that they were said in; used by whoever translates
	silent  atomic.Int64                            // output time before which nothing is heard or seen; 0: nothing was dumped
	dumped  atomic.Int64                            // source time; phrases begun before are not dubbed
	forget  atomic.Bool                             // the last phrases are to be forgotten
	resumed atomic.Int64                            // source time from which on phrases are dubbed, after a pause
	ended   atomic.Int64                            // source time of the source's end, once known; 0 before

	translating, speaking, warming, lipping *work.Stage

	stop context.CancelFunc // ends the dub alone; set before it starts
	gone chan struct{}      // closed when all of it has ended

	mu      sync.Mutex
	blind   bool // show has ended
	is      spec.Controls
	counts  counts
	records []spec.Record
	waiting []toSound // placed, not sounded yet
}

// toSound is a phrase whose dub begins at an output time.
type toSound struct {
	phrase inference.Phrase
	at     time.Duration
}

// sounded tells of the phrases whose dubs begin before output time o.
func (d *Dub) sounded(o time.Duration) {
	d.mu.Lock()
	n := 0
	for n < len(d.waiting) && d.waiting[n].at < o {
		n++
	}
	begun := d.waiting[:n]
	d.waiting = d.waiting[n:]
	d.mu.Unlock()
	for _, w := range begun {
		r := record.Of(d.Lang, w.phrase)
		r.Played = &record.Played{}
		d.env.Tell(r)
	}
}

// New returns a dub in lang that has not started.
func New(e Env, lang inference.Lang, original bool) *Dub {
	c := e.Config
	d := &Dub{
		Lang: lang, Original: original, env: e, timeline: timeline.New(c.Planning()),
		Fanout: fanout.New(fanout.Env{Shared: e.Shared, Video: c.Video, Loudness: c.Loudness, Offset: c.Observe.Offset, SinkErrorsEnd: c.SinkErrorsEnd, Viewers: func(n int) {
			e.Tell(record.Record{Lang: lang, Viewers: &record.Viewers{N: n}})
		}}),
		phrases: work.NewQueue(work.AtMost[*job](maxWaiting)), voices: work.NewQueue(work.AtMost[*job](maxWaiting)), frames: make(chan video.Frame, 4),
		counts: counts{outcomes: map[spec.Outcome]int{}}, badge: badge.New(c.Badge), before: map[inference.Lang][]inference.Exchange{}, gone: make(chan struct{}),
		translating: e.Stage("translator"), speaking: e.Stage("speaker"), warming: e.Stage("warm"), lipping: e.Stage("lips"),
	}
	level, why := d.best()
	d.ladder = newLadder(level, why, func(at time.Duration, l spec.Level, why string) {
		e.Tell(record.Record{Lang: lang, Ladder: &spec.LadderChange{Lang: lang, Level: l, Why: why, At: at}})
	})
	return d
}

// Start runs the dub as a part of g: until the source has ended, g ends, or Stop.
// sound is nil where there is none.
func (d *Dub) Start(g *work.Group, sound *ingest.AudioBuffer, frames bool) {
	d.Fanout.Expect(sound != nil, frames)
	ctx, stop := context.WithCancel(g.Context())
	d.stop = stop
	var r *ingest.AudioReader
	if sound != nil {
		r = sound.Reader() // before the first sound comes, so that none is missed
	}
	first := max(d.env.Config.Delay, d.env.Clock.Now().Truncate(block)) // a dub that is added later begins with what is due now
	g.Run("dub "+string(d.Lang), func(context.Context) error {
		defer close(d.gone)
		own := work.NewGroup(ctx)
		// What breaks one dub ends the session at once: its other parts wait for
		// one another. A dub that is taken away breaks nothing.
		defer context.AfterFunc(own.Context(), func() {
			if ctx.Err() == nil && own.Err() != nil {
				g.Fail(own.Err())
			}
		})()
		if d.Speaks() {
			own.Run("warm "+string(d.Lang), d.warm)
			own.Run("translate "+string(d.Lang), d.translate)
			own.Run("speak "+string(d.Lang), d.speak)
		} else {
			d.said.Store(true)
		}
		if r != nil {
			own.Run("play "+string(d.Lang), func(ctx context.Context) error {
				defer r.Close()
				r.Seek(first - d.env.Config.Delay)
				return d.play(ctx, r, first)
			})
		}
		if frames {
			own.Run("show "+string(d.Lang), d.present)
		}
		err := own.Wait()
		if taken := ctx.Err() != nil && g.Context().Err() == nil; taken {
			return nil
		}
		return err
	})
}

// Stop ends the dub alone, which has started, and closes its sinks.
func (d *Dub) Stop() error {
	d.stop()
	<-d.gone
	return d.Fanout.Close()
}

// EndFrames tells that no more frames come, where a file is made.
func (d *Dub) EndFrames() { close(d.frames) }

// EndPhrases tells that no more phrases come, where a file is made.
func (d *Dub) EndPhrases() { d.phrases.End() }

// End lets the dub end when all has been said of a source that has ended at
// source time t. The clock waits for that.
func (d *Dub) End(t time.Duration) {
	if d.Speaks() {
		d.mu.Lock() // a dub that fails now reads it
		d.goodbye = d.env.Clock.Hold(t)
		d.mu.Unlock()
	}
	d.ended.Store(int64(t))
}

// Speaks tells whether phrases are dubbed here.
func (d *Dub) Speaks() bool { return d.env.Engines.Speaks() && !d.Original }

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
func (d *Dub) play(ctx context.Context, r *ingest.AudioReader, first time.Duration) error {
	channels := r.Channels()
	pcm := make([]int16, media.TimeToSamples(block, timeline.Rate)*channels)
	for o := first; ; o += block {
		if err := d.env.Clock.Wait(ctx, o+block); err != nil {
			return err
		}
		if d.over(o) {
			return d.Fanout.FlushSound()
		}
		r.Read(pcm)
		d.timeline.Mix(o, pcm, channels)
		d.hush(o, pcm, channels)
		d.sounded(o + block)
		d.timeline.Forget(o - planned)
		if !d.Fanout.Watched() {
			d.Fanout.DropSound()
			continue
		}
		err := d.env.Meter.Do("encode_audio", func() error {
			return d.Fanout.Sound(media.Samples{PTS: o, Rate: timeline.Rate, Channels: channels, Data: pcm})
		})
		if err != nil {
			return err
		}
	}
}

// over tells whether nothing is left to be heard at output time o.
func (d *Dub) over(o time.Duration) bool {
	end := time.Duration(d.ended.Load())
	return end > 0 && d.said.Load() && o >= max(end+d.env.Config.Delay, d.timeline.End())
}

// counts are of what became of frames and phrases.
type counts struct {
	frames   spec.Frames
	retries  int
	missed   int // terms
	outcomes map[spec.Outcome]int
}

func (d *Dub) count(fn func(*counts)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn(&d.counts)
}

func (d *Dub) keep(r spec.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isDumped(r.Phrase) {
		r.Outcome = spec.Dumped
	}
	d.counts.outcomes[r.Outcome]++
	if r.Outcome == spec.Dumped {
		return
	}
	d.records = append(d.records, r)
	if n := d.env.Config.KeepRecords; n > 0 && len(d.records) > n {
		d.records = slices.Delete(d.records, 0, len(d.records)-n)
	}
}

// State returns what the dub has done so far. It may be called at any time.
func (d *Dub) State() spec.DubState {
	st := spec.DubState{Lang: d.Lang, Lips: d.Lips()}
	st.Level, st.Why, st.Steps = d.ladder.read()
	d.mu.Lock()
	st.Frames, st.Retries, st.Missed, st.Records = d.counts.frames, d.counts.retries, d.counts.missed, slices.Clone(d.records)
	st.Outcomes, st.Controls = maps.Clone(d.counts.outcomes), d.is
	d.mu.Unlock()
	st.Viewers, st.Skew, st.Loudness = d.Fanout.Viewers(), d.Fanout.Offsets(), d.Fanout.Loudness()
	return st
}

// Stages adds the dub's stages to those of a session, by name.
func (d *Dub) Stages(to map[string]work.StageState) {
	for _, st := range []*work.Stage{d.translating, d.speaking, d.lipping} {
		to[st.Name] = to[st.Name].Add(st.Read())
	}
	to["sink"] = to["sink"].Add(d.Fanout.State())
	to["program"] = to["program"].Add(d.Fanout.Programs())
}
