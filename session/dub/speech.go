package dub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/timeline"
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
	if !d.Speaks() {
		return
	}
	d.timeline.Expect(now, p)
	if !p.Final {
		return
	}
	h := d.env.Clock.Hold(now)
	j := &job{phrase: p, hold: h, heard: h.Now()}
	j.record.HeardAt = j.heard
	d.admit(ctx, d.translating, d.phrases, j)
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

// Unrecognized is told that the source up to at was not recognized, and why.
func (d *Dub) Unrecognized(at time.Duration, why string) { d.ladder.set(at, spec.Passthrough, why) }

// last is the latest session time at which j's dub could still be placed.
func (d *Dub) last(j *job) time.Duration {
	return j.phrase.Start + d.env.Config.Delay + d.env.Config.Profile.MaxLate() - d.env.Config.Profile.Freeze()
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
// end; the first try has half of it, but leastCall in any case. No phrase waits
// behind a dead one: once another waits in q that would be late for it, j's time
// is over, also for a call that does not return at once.
func (d *Dub) until(j *job, q *work.Queue[*job], end time.Duration, try int) func() (time.Duration, <-chan struct{}) {
	clock := d.env.Clock
	began := clock.Now()
	least := began
	if try == 0 {
		end, least = began+(end-began)/2, began+work.LeastCall
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

// translate is the first half of a phrase's journey.
func (d *Dub) translate(ctx context.Context) error {
	defer d.voices.End()
	for {
		j, err := d.phrases.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		d.translating.Begin(j.heard)
		d.translateOne(ctx, j)
		d.translating.Done()
		d.admit(ctx, d.speaking, d.voices, j)
	}
}

func (d *Dub) translateOne(ctx context.Context, j *job) {
	p, r := j.phrase, &j.record
	began := time.Now()
	text, err := twice(ctx, d, d.translating, "translate", func(try int) func() (time.Duration, <-chan struct{}) {
		return d.until(j, d.phrases, d.last(j)-handover, try)
	}, func(ctx context.Context) (string, error) {
		text, err := d.env.Engines.Translator.Translate(ctx, inference.Pair{From: p.Lang, To: d.Lang}, p.Text)
		if err == nil && (strings.TrimSpace(text) == "" || len(text) > spec.MaxText || !utf8.ValidString(text)) {
			err = fmt.Errorf("the translator gave %d bytes that are no phrase", len(text))
		}
		return text, err
	})
	r.TranslateTook = time.Since(began)
	if ctx.Err() != nil {
		return // the session ends: no engine failed
	}
	if err != nil {
		d.ladder.set(p.Start, spec.Passthrough, "translation failed")
		j.outcome, j.err = outcomeOf(err), err
		return
	}
	r.Text = text
	d.env.Tell(spec.Event{Caption: &spec.Caption{
		Lang: d.Lang, ID: p.ID, Text: text, Final: true, Start: p.Start, End: p.End,
	}})
}

// outcomeOf tells an engine that failed from one that was too slow.
func outcomeOf(err error) spec.Outcome {
	if errors.Is(err, work.ErrSlow) {
		return spec.SkippedLate
	}
	return spec.SkippedFailed
}

// speak is the second half: phrases are spoken and placed in the order said.
func (d *Dub) speak(ctx context.Context) error {
	defer d.spoken()
	for {
		j, err := d.voices.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		d.speaking.Begin(j.heard)
		d.speakOne(ctx, j)
		d.speaking.Done()
		j.hold.Release()
	}
}

// warm has the engines do a word, so that the first phrase does not wait for
// their processes to start. What fails now will fail again, and count then.
func (d *Dub) warm(ctx context.Context) error {
	_, _ = work.Call(ctx, d.warming, work.Within(d.env.Pacing.Limit(warmest)), func(ctx context.Context) (struct{}, error) {
		text, err := d.env.Engines.Translator.Translate(ctx, inference.Pair{From: d.env.Config.From, To: d.Lang}, "yes")
		if err == nil {
			_, err = d.env.Engines.Speaker.Speak(ctx, inference.SpeechRequest{Lang: d.Lang, Text: text})
		}
		return struct{}{}, err
	})
	return nil
}

// warmest is how long engines may take to start.
const warmest = 20 * time.Second

func (d *Dub) speakOne(ctx context.Context, j *job) {
	p, r := j.phrase, &j.record
	switch {
	case ctx.Err() != nil:
		return
	case j.outcome == "" && j.hold.Now() > d.last(j):
		d.ladder.set(p.Start, spec.Captions, "the dub came too late")
		j.outcome, j.err = spec.SkippedLate, timeline.ErrTooLate
	}
	if j.outcome != "" {
		d.skip(j, j.outcome, j.err)
		return
	}
	began := time.Now()
	speech, err := twice(ctx, d, d.speaking, "speak", func(try int) func() (time.Duration, <-chan struct{}) {
		return d.until(j, d.voices, d.last(j), try)
	}, func(ctx context.Context) (inference.Speech, error) {
		speech, err := d.env.Engines.Speaker.Speak(ctx, inference.SpeechRequest{
			Lang: d.Lang, Text: r.Text, Pitch: p.Pitch, Fit: d.fit(j.hold.Now(), p),
		})
		if err == nil {
			err = playable(speech)
		}
		return speech, err
	})
	r.SpeakTook = time.Since(began)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.ladder.set(p.Start, spec.Captions, "the voice failed")
		d.skip(j, outcomeOf(err), err)
		return
	}

	sound, err := resample(speech.Sound)
	if err != nil {
		d.ladder.set(p.Start, spec.Captions, "the voice failed")
		d.skip(j, spec.SkippedFailed, err)
		return
	}
	placed, err := d.timeline.Place(j.hold.Now(), p, sound, speech.Marks)
	if err != nil {
		d.ladder.set(p.Start, spec.Captions, "the dub came too late")
		d.skip(j, spec.SkippedLate, err)
		return
	}
	d.climb(p.Start)
	r.Phrase, r.Outcome, r.ReadyAt = p, spec.Played, j.hold.Now()
	r.Rate, r.Voice, r.Marks, r.Words = speech.Rate, speech.Voice, speech.Marks, speech.Words
	r.DubStart, r.DubEnd, r.Late = placed.Start-d.env.Config.Delay, placed.End-d.env.Config.Delay, placed.Late
	if d.env.Config.Video.File { // for those who measure it later
		r.Probe = probe(sound)
	}
	d.keep(*r)
	if tell := d.env.Config.Observe.Late; tell != nil {
		tell(placed.Late)
	}
}

// fit returns how long the dub should last: what is left of the phrase's own
// time when it starts late, so that a delay is caught up and not passed on.
func (d *Dub) fit(now time.Duration, p inference.Phrase) time.Duration {
	start := d.timeline.Earliest(now, p.Start)
	if d.env.Config.Profile == spec.Live {
		return p.End - p.Start
	}
	return max(p.End+d.env.Config.Delay-start, (p.End-p.Start)/2)
}

// twice tries a stage, and once more if it fails and there is time: its worker
// may have died mid-phrase.
func twice[T any](ctx context.Context, d *Dub, st *work.Stage, name string, until func(try int) func() (time.Duration, <-chan struct{}), fn func(context.Context) (T, error)) (out T, err error) {
	for try := range 2 {
		limit := until(try)
		if try > 0 && limit != nil {
			if left, _ := limit(); left < work.LeastCall {
				return out, err
			}
		}
		if out, err = work.Call(ctx, st, limit, fn); err == nil || ctx.Err() != nil {
			return out, err
		}
		d.env.Fail(name, err)
		d.count(func(c *counts) { c.retries++ })
	}
	return out, err
}

// skip marks a phrase as not dubbed: the original sounds instead.
func (d *Dub) skip(j *job, outcome spec.Outcome, err error) {
	d.timeline.Drop(j.phrase.ID)
	d.env.Log.Warn("phrase skipped", "lang", d.Lang, "phrase", j.phrase.ID, "fate", outcome, "err", err)
	r := j.record
	r.Phrase, r.Outcome, r.Err = j.phrase, outcome, err.Error()
	d.keep(r)
}

// maxSpeech is the longest dub of one phrase that is taken for speech.
const maxSpeech = time.Minute

// playable tells why a speech cannot be played; nil where it can.
func playable(s inference.Speech) error {
	switch {
	case s.Sound.Rate < 4000 || s.Sound.Rate > 384000 || s.Sound.Channels != 1 || len(s.Sound.Data) == 0:
		return fmt.Errorf("the voice gave %d samples of %d channels at %d Hz: mono speech is needed", len(s.Sound.Data), s.Sound.Channels, s.Sound.Rate)
	case s.Sound.Duration() > maxSpeech:
		return fmt.Errorf("the voice spoke for %v: at most %v is played", s.Sound.Duration(), maxSpeech)
	}
	last := time.Duration(0)
	for _, m := range s.Marks {
		if m.At < last || m.Dur < 0 || m.At+m.Dur > s.Sound.Duration()+time.Second {
			return fmt.Errorf("the voice gave a phoneme %q at %v for %v in speech of %v", m.IPA, m.At, m.Dur, s.Sound.Duration())
		}
		last = m.At
	}
	return nil
}

// resample brings a whole speech to the timeline's rate.
func resample(s media.Samples) ([]int16, error) {
	r := codec.NewResampler(timeline.Rate, 1)
	defer r.Close()
	out, err := r.Resample(s)
	if err != nil {
		return nil, fmt.Errorf("resample: %w", err)
	}
	tail, err := r.Flush()
	if err != nil {
		return nil, fmt.Errorf("resample: %w", err)
	}
	sound := append(out.Data, tail.Data...)
	want := media.TimeToSamples(s.Duration(), timeline.Rate)
	return sound[:min(want, len(sound))], nil
}

// probe keeps the first second of a dub, by every third sample of a short mean:
// enough to find it again in what was written.
func probe(sound []int16) []int16 {
	n := min(len(sound), timeline.Rate) / 3
	out := make([]int16, n)
	for i := range out {
		out[i] = int16((int(sound[3*i]) + int(sound[3*i+1]) + int(sound[3*i+2])) / 3)
	}
	return out
}
