package words

import (
	"context"
	"fmt"
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
	if _, err := t.Engine.Translate(ctx, p, texts[p.From][0]); err != nil {
		return err
	}
	var all score.Corpus
	var took []time.Duration
	cpu := of(t.Engine, nil)
	before := cpu.read()
	for i, text := range texts[p.From][:m.Sentences] {
		began := time.Now()
		got, err := t.Engine.Translate(ctx, p, text)
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		took = append(took, time.Since(began))
		all.Add(got, texts[p.To][i])
	}
	used := cpu.read() - before
	m.out.Pairs = append(m.out.Pairs, grades.Pair{
		From: string(p.From), To: string(p.To), Engines: grades.Engines{Translator: t.Name}, ChrF: round(all.ChrF(), 1),
		MS: median(took), CPUMS: round(used.Seconds()*1000/float64(m.Sentences), 1),
	})
	return nil
}
