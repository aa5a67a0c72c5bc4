package dub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
	"livedub/session/work"
)

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
	if d.forget.Swap(false) {
		clear(d.before)
	}
	if d.isDumped(p) {
		j.outcome, j.err = spec.Dumped, timeline.ErrDumped
		return
	}
	if r.Text != "" { // at another node
		d.remember(p, r.Text)
		return
	}
	began := time.Now()
	request := inference.TranslationRequest{
		Pair: inference.Pair{From: p.Lang, To: d.Lang}, Text: p.Text, Before: slices.Clone(d.before[p.Lang]), Glossary: d.env.Words().Terms(d.Lang),
	}
	var by inference.Work
	text, err := twice(inference.WithWork(ctx, &by), d, d.translating, "translate", func(try int) func() (time.Duration, <-chan struct{}) {
		return d.until(j, d.phrases, d.last(j)-handover, 0, try)
	}, func(ctx context.Context) (string, error) {
		request := request // a try that was given up on may still be at work
		request.Fit, _ = d.timeline.Room(j.hold.Now(), p)
		text, err := d.env.Engines.Translator.Translate(ctx, request)
		if err == nil && (strings.TrimSpace(text) == "" || len(text) > spec.MaxText || !utf8.ValidString(text)) {
			err = fmt.Errorf("the translator gave %d bytes that are no phrase", len(text))
		}
		return text, err
	})
	r.TranslateTook = time.Since(began)
	r.Engines.Translator = cmp.Or(by.Longest(), r.Engines.Translator)
	if ctx.Err() != nil {
		return // the session ends: no engine failed
	}
	if err != nil {
		d.ladder.set(p.Start, spec.Passthrough, "translation failed")
		j.outcome, j.err = outcomeOf(err), err
		return
	}
	r.Text = text
	if d.isDumped(p) { // speakOne will see it
		return
	}
	if n := len(glossary.Missing(p.Text, request.Glossary, text)); n > 0 {
		d.env.Log.Info("a translation lacks terms of the glossary", "lang", d.Lang, "phrase", p.ID, "terms", n)
		d.count(func(c *counts) { c.missed += n })
	}
	d.remember(p, text)
	told := record.Of(d.Lang, p)
	told.Translated = &record.Translated{Text: text}
	d.env.Tell(told)
}

// remember has the next translations from the same language know of this one.
func (d *Dub) remember(p inference.Phrase, text string) {
	before := d.before[p.Lang]
	d.before[p.Lang] = append(before[max(0, len(before)+1-inference.MaxBefore):], inference.Exchange{Source: p.Text, Translation: text})
}

// outcomeOf tells an engine that failed from one that was too slow.
func outcomeOf(err error) spec.Outcome {
	if errors.Is(err, work.ErrSlow) || errors.Is(err, timeline.ErrTooLate) {
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
		pair := inference.Pair{From: d.env.Config.From, To: d.Lang}
		if pair.From == inference.Auto { // any that is dubbed here
			pairs := d.env.Engines.Pairs()
			i := slices.IndexFunc(pairs, func(p inference.Pair) bool { return p.To == d.Lang })
			if i < 0 {
				return struct{}{}, inference.ErrUnsupported
			}
			pair = pairs[i]
		}
		text, err := d.env.Engines.Translator.Translate(ctx, inference.TranslationRequest{Pair: pair, Text: "yes"})
		if err == nil {
			_, err = d.env.Engines.Synthesizer.Speak(ctx, inference.SpeechRequest{Lang: d.Lang, Text: text})
		}
		return struct{}{}, err
	})
	return nil
}

// warmest is how long engines may take to start.
const warmest = 20 * time.Second

// unspeakable is why a phrase has captions alone that a voice refuses.
const unspeakable = "the voice cannot say the text"

func (d *Dub) speakOne(ctx context.Context, j *job) {
	p, r := j.phrase, &j.record
	switch {
	case ctx.Err() != nil:
		return
	case d.isDumped(p):
		j.outcome, j.err = spec.Dumped, timeline.ErrDumped
	case j.outcome == "" && j.hold.Now() > d.last(j):
		d.ladder.set(p.Start, spec.Captions, "the dub came too late")
		j.outcome, j.err = spec.SkippedLate, timeline.ErrTooLate
	case j.outcome == "":
		if n := utf8.RuneCountInString(r.Text); n > maxText {
			j.outcome, j.err = spec.SkippedFailed, fmt.Errorf("%w: a translation of %d characters: at most %d are spoken", inference.ErrRefused, n, maxText)
			d.ladder.set(p.Start, spec.Captions, unspeakable)
			d.env.Fail("speak", j.err)
		}
	}
	if j.outcome != "" {
		d.skip(j, j.outcome, j.err)
		return
	}
	began := time.Now()
	var whole room
	whole.fit, whole.tight = d.timeline.Room(j.hold.Now(), p)
	parts := 0
	for i, text := range d.clauses(r.Text, p) {
		err := d.speakPart(ctx, j, text, i == 0, whole)
		parts++
		r.SpeakTook = time.Since(began)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, timeline.ErrDumped) {
			d.skip(j, spec.Dumped, err)
			return
		}
		if err != nil && i == 0 {
			why := "the voice failed"
			switch {
			case errors.Is(err, timeline.ErrTooLate):
				why = "the dub came too late"
			case errors.Is(err, inference.ErrRefused):
				why = unspeakable
			}
			d.ladder.set(p.Start, spec.Captions, why)
			d.skip(j, outcomeOf(err), err)
			return
		}
		if err != nil { // what sounds already cannot be taken back
			d.env.Log.Warn("phrase broken off", "lang", d.Lang, "phrase", p.ID, "err", err)
			r.Err = err.Error()
			break
		}
	}
	if parts > 1 {
		d.tellPlaced(*r)
	}
	d.climb(p.Start)
	d.keep(*r)
	if tell := d.env.Config.Observe.Late; tell != nil {
		tell(r.Late)
	}
}

// needs returns how long the voice may work for a request: twice as long as it
// is estimated to, for machines have other work too; 0 where it does not know.
func (d *Dub) needs(r inference.SpeechRequest) time.Duration {
	if e, ok := d.env.Engines.Synthesizer.(inference.Estimator); ok {
		return 2 * e.Estimate(r)
	}
	return 0
}

// twice tries a stage, and once more if it fails and there is time: its worker
// may have died mid-phrase. A text that is refused would be refused again, and so
// would a language that is told by ear and not translated to this one.
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
		if errors.Is(err, inference.ErrRefused) || errors.Is(err, inference.ErrUnsupported) {
			return out, err
		}
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
	told := record.Of(d.Lang, j.phrase)
	told.Skipped = &r
	d.env.Tell(told)
	d.keep(r)
}
