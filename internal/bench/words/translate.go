package words

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"livedub/inference"
	"livedub/internal/bench/words/score"
	"livedub/internal/grades"
)

// translator measures all wanted directions of one translator.
func (m *measuring) translator(ctx context.Context, t Translator) error {
	for _, p := range t.Engine.Pairs() {
		if texts[p.From] == nil || texts[p.To] == nil || m.Pairs != nil && !slices.Contains(m.Pairs, p) {
			continue
		}
		m.Say(fmt.Sprintf("%s by %s", p, t.Name))
		if err := m.pair(ctx, t, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			m.skip(fmt.Sprintf("%s by %s", p, t.Name), err)
		}
	}
	return nil
}

func (m *measuring) pair(ctx context.Context, t Translator, p inference.Pair) error {
	// The first phrase starts a pair's processes.
	if _, err := t.Engine.Translate(ctx, inference.TranslationRequest{Pair: p, Text: texts[p.From][0]}); err != nil {
		return err
	}
	var each []score.Corpus
	var took []time.Duration
	cpu := of(t.Engine, nil)
	before := cpu.read()
	for i, text := range texts[p.From][:m.Sentences] {
		began := time.Now()
		got, err := t.Engine.Translate(ctx, inference.TranslationRequest{Pair: p, Text: text})
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		took = append(took, time.Since(began))
		var one score.Corpus
		one.Add(got, texts[p.To][i])
		each = append(each, one)
	}
	used := cpu.read() - before
	chrF, low, high := interval(each)
	m.out.Pairs = append(m.out.Pairs, grades.Pair{
		From: string(p.From), To: string(p.To), Engines: grades.Engines{Translator: t.Name},
		ChrF: round(chrF, 1), ChrFLow: round(low, 1), ChrFHigh: round(high, 1),
		MS: median(took), CPUMS: round(used.Seconds()*1000/float64(m.Sentences), 1),
	})
	return nil
}

// interval returns chrF of all sentences, and between what it lies in 95 of 100
// draws of as many sentences out of them (bootstrap).
func interval(each []score.Corpus) (chrF, low, high float64) {
	const draws = 1000
	random := rand.New(rand.NewPCG(1, 1))
	scores := make([]float64, draws)
	for i := range scores {
		var drawn score.Corpus
		for range each {
			drawn.Join(each[random.IntN(len(each))])
		}
		scores[i] = drawn.ChrF()
	}
	slices.Sort(scores)
	var all score.Corpus
	for _, one := range each {
		all.Join(one)
	}
	return all.ChrF(), scores[draws*25/1000], scores[draws*975/1000]
}
