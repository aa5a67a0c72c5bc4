// Package speech measures how a live dub follows its speaker: how far it lags
// behind, what it loses of the meaning, and what it leaves out, by the policy
// that says when words are final and by the recognizer that hears them.
package speech

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"livedub/inference"
	"livedub/internal/bench/words/score"
	"livedub/session/live"
	"livedub/session/spec"
)

// Result is what one policy with one recognizer comes to. Lags count from when
// a word begins in the talk to when it begins in the dub.
type Result struct {
	Policy     inference.Policy `json:"policy"`
	Engine     string           `json:"engine"`
	Span       Span             `json:"ear_voice_span_ms"`
	LAAL       float64          `json:"laal_ms"`     // length-adaptive average lagging (Papi et al. 2022)
	ChrF       float64          `json:"chrf"`        // of all that was said in the dub, against whole sentences by the same translator
	Erasure    float64          `json:"erasure"`     // words said again or taken back, of all final ones
	SkippedPct float64          `json:"skipped_pct"` // of the words that were heard
	MissedPct  float64          `json:"missed_pct"`  // words of the talk that were not heard, or heard wrongly
	Phrases    int              `json:"phrases"`
	Dropped    int              `json:"dropped"` // pieces of sound and phrases that engines had no time for
}

// Span is the distribution of the ear-voice span, ms.
type Span struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
}

// Run has a session dub a talk, live, and measures its dub. It takes as long as the talk.
func Run(ctx context.Context, t *Talk, to inference.Lang, policy inference.Policy, engine string, e spec.Engines) (Result, error) {
	if e.Recognizer == nil {
		e.Recognizer = &instant{t.Lang, t.words()}
	}
	r := Result{Policy: policy, Engine: engine}
	m := live.NewManager(live.ManagerConfig{
		Engines: e, Max: 1, Idle: time.Hour,
		Base: spec.Config{Profile: spec.Live, Delay: spec.Live.DefaultDelay(), BackgroundGain: .15, Policy: policy, Neural: engine != "instant"},
	})
	defer m.Close()
	call, err := m.Create(spec.Spec{ID: "speech", From: t.Lang, To: []inference.Lang{to}})
	if err != nil {
		return r, err
	}
	// The engines' processes start before anybody speaks.
	if err := call.Clock.Wait(ctx, 3*time.Second); err != nil {
		return r, err
	}
	p := newPublisher(t, call.Clock)
	if err := call.Publish(p); err != nil {
		return r, err
	}
	if err := call.Clock.Wait(ctx, p.start+t.Length+2*spec.Live.DefaultMaxLag()); err != nil {
		return r, err
	}
	var records []spec.Record
	st := call.State()
	for _, stage := range st.Stages {
		r.Dropped += stage.Dropped
	}
	for _, d := range st.Dubs {
		if d.Lang == to {
			records = d.Records
		}
	}
	whole, err := t.whole(ctx, e.Translator, to)
	if err != nil {
		return r, err
	}
	r.measure(t, records, p.start, whole)
	return r, nil
}

// whole returns the translations of the talk's whole sentences.
func (t *Talk) whole(ctx context.Context, tr inference.Translator, to inference.Lang) (out []string, err error) {
	for _, s := range t.Sentences {
		text, err := tr.Translate(ctx, inference.TranslationRequest{Pair: inference.Pair{From: t.Lang, To: to}, Text: s.Text})
		if err != nil {
			return nil, fmt.Errorf("translating %q: %w", s.Text, err)
		}
		out = append(out, text)
	}
	return out, nil
}

// measure takes the figures from what became of the phrases; the talk began at
// session time start.
func (r *Result) measure(t *Talk, records []spec.Record, start time.Duration, whole []string) {
	var lags []time.Duration
	var dub, heard []string
	said := map[int][]time.Duration{} // when each word of the dub begins, by the sentence it belongs to
	words, skipped, again := 0, 0, 0
	var before []inference.Word
	for _, rec := range records {
		r.Phrases++
		words += len(rec.Phrase.Words)
		again += repeats(before, rec.Phrase.Words, t)
		before = rec.Phrase.Words
		heard = append(heard, rec.Phrase.Text)
		if rec.Outcome != spec.Played {
			skipped += len(rec.Phrase.Words)
			continue
		}
		dub = append(dub, rec.Text)
		begins := rec.DubStart + spec.Live.DefaultDelay()
		lags = append(lags, spans(rec, begins)...)
		of := t.sentence((rec.Phrase.Start+rec.Phrase.End)/2 - start)
		for _, w := range rec.Words {
			said[of] = append(said[of], begins+w.Start-start)
		}
	}
	r.Span = Span{percentile(lags, .5), percentile(lags, .95)}
	r.ChrF = score.ChrF(plain(strings.Join(dub, " ")), plain(strings.Join(whole, " ")))
	r.Erasure = share(again, words)
	r.SkippedPct = 100 * share(skipped, words)
	var script []string
	for _, s := range t.Sentences {
		script = append(script, s.Text)
	}
	r.MissedPct = 100 * score.WordErrors(score.Words(strings.Join(script, " ")), score.Words(strings.Join(heard, " "))).Rate()
	r.LAAL = t.laal(said, whole)
}

func share(n, of int) float64 { return float64(n) / float64(max(1, of)) }

// plain returns text without what only tells where sentences begin and end: parts
// of sentences are translated as if they were whole.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) {
			return ' '
		}
		return unicode.ToLower(r)
	}, text)), " ")
}
