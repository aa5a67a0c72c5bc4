package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
	"livedub/session/timeline"
)

// Fate is what became of a phrase.
type Fate string

const (
	Played        Fate = "played"
	SkippedFailed Fate = "skipped_failed" // an engine failed twice
	SkippedLate   Fate = "skipped_late"   // it would have come too late to be of use
)

// job is a phrase on its way to be dubbed.
type job struct {
	phrase inference.Phrase
	hold   pace.Hold
}

// maxWaiting is how many phrases wait for one dub's voice at most.
const maxWaiting = 16

// take queues a final phrase. Where time goes on without us, a phrase that
// finds the queue full is left out; else the speaker waits.
func (d *Dub) take(ctx context.Context, p inference.Phrase, h pace.Hold) {
	j := job{p, h}
	if d.s.clock.Live() {
		select {
		case d.phrases <- j:
		default:
			d.skip(j, Record{}, SkippedLate, errors.New("too many phrases are waiting"))
			h.Release()
		}
		return
	}
	select {
	case d.phrases <- j:
	case <-ctx.Done():
		h.Release()
	}
}

// speak is a phrase's journey, phrase by phrase: translated, spoken, placed.
func (d *Dub) speak(ctx context.Context) error {
	defer d.spoken()
	d.warm(ctx)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j, ok := <-d.phrases:
			if !ok {
				return nil
			}
			d.dub(ctx, j)
			j.hold.Release()
		}
	}
}

// warm has the engines do a word, so that the first phrase does not wait for
// their processes to start. What fails now will fail again, and count then.
func (d *Dub) warm(ctx context.Context) {
	_ = guard("warm", func() error {
		text, err := d.s.engines.Translator.Translate(ctx, inference.Pair{From: d.s.cfg.From, To: d.lang}, "yes")
		if err == nil {
			_, err = d.s.engines.Speaker.Speak(ctx, inference.SpeechRequest{Lang: d.lang, Text: text})
		}
		return err
	})
}

func (d *Dub) dub(ctx context.Context, j job) {
	p := j.phrase
	r := Record{HeardAt: j.hold.Now()}

	began := time.Now()
	err := d.twice(ctx, "translate", func() (err error) {
		r.Text, err = d.s.engines.Translator.Translate(ctx, inference.Pair{From: p.Lang, To: d.lang}, p.Text)
		return err
	})
	r.TranslateTook = time.Since(began)
	if ctx.Err() != nil {
		return // the session ends: no engine failed
	}
	if err != nil {
		d.ladder.set(p.Start, Passthrough, "translation failed")
		d.skip(j, r, SkippedFailed, err)
		return
	}
	d.s.watch.send(Event{Caption: &Caption{
		Lang: d.lang, ID: p.ID, Text: r.Text, Final: true, Start: p.Start, End: p.End,
	}})

	began = time.Now()
	var speech inference.Speech
	err = d.twice(ctx, "speak", func() (err error) {
		speech, err = d.s.engines.Speaker.Speak(ctx, inference.SpeechRequest{
			Lang: d.lang, Text: r.Text, Pitch: p.Pitch, Fit: d.fit(j.hold.Now(), p),
		})
		return err
	})
	r.SpeakTook = time.Since(began)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.ladder.set(p.Start, Captions, "the voice failed")
		d.skip(j, r, SkippedFailed, err)
		return
	}

	sound, err := resample(speech.Sound)
	if err != nil {
		d.skip(j, r, SkippedFailed, err)
		return
	}
	placed, err := d.timeline.Place(j.hold.Now(), p, sound, speech.Marks)
	if err != nil {
		d.ladder.set(p.Start, Captions, "the dub came too late")
		d.skip(j, r, SkippedLate, err)
		return
	}
	d.climb(p.Start)
	r.Phrase, r.Fate, r.ReadyAt = p, Played, j.hold.Now()
	r.Rate, r.Voice, r.Marks, r.Words = speech.Rate, speech.Voice, speech.Marks, speech.Words
	r.DubStart, r.DubEnd, r.Late = placed.Start-d.s.cfg.Delay, placed.End-d.s.cfg.Delay, placed.Late
	if d.s.cfg.Picture.File {
		r.Probe = probe(sound)
	}
	d.keep(r)
}

// fit returns how long the dub should last: what is left of the phrase's own
// time when it starts late, so that a delay is caught up and not passed on.
func (d *Dub) fit(now time.Duration, p inference.Phrase) time.Duration {
	start := d.timeline.Earliest(now, p.Start)
	if d.s.cfg.Profile == Live {
		return p.End - p.Start
	}
	return max(p.End+d.s.cfg.Delay-start, (p.End-p.Start)/2)
}

// twice tries a stage, and once more if it fails: its worker may have died mid-phrase.
func (d *Dub) twice(ctx context.Context, stage string, fn func() error) error {
	var err error
	for range 2 {
		if err = guard(stage, fn); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.s.fail(stage, err)
		d.count(func(c *counts) { c.retries++ })
	}
	return err
}

// skip marks a phrase as not dubbed: the original sounds instead.
func (d *Dub) skip(j job, r Record, fate Fate, err error) {
	d.timeline.Drop(j.phrase.ID)
	d.s.log.Warn("phrase skipped", "lang", d.lang, "phrase", j.phrase.ID, "fate", fate, "err", err)
	r.Phrase, r.Fate, r.Err = j.phrase, fate, err.Error()
	d.keep(r)
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

// ProbeRate is the rate of Record.Probe, Hz.
const ProbeRate = timeline.Rate / 3

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
