// Package piper speaks text by Piper voices: VITS nets (.onnx) with their
// settings (.onnx.json). espeak-ng tells how the text is pronounced; the time of
// every phoneme is the net's own, where the net has it inside.
package piper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/speak/align"
	"livedub/inference/speak/spoken"
	"livedub/media"
)

const (
	maxVoices  = 16
	maxSymbols = 400                    // of one run
	between    = 200 * time.Millisecond // sentences
)

// Config says what speaks.
type Config struct {
	Voices []Voice // of any languages; the Piper's from now on
	// Phonemes tells how text is pronounced. It stays the caller's.
	Phonemes inference.Phonemizer
	// Reference speaks the same words with known times, where a net tells none. It stays the caller's.
	Reference inference.Synthesizer
	// Stretch returns sound at tempo times its speed, at the same pitch.
	Stretch spoken.Stretch
}

// Piper is an inference.Synthesizer. It is safe for concurrent use; requests take
// turns at a voice in the order they came.
type Piper struct {
	c        Config
	nets     []*net
	speakers map[inference.Lang][]speaker // never empty
	lacking  atomic.Uint64
}

// net is a voice that requests take turns at.
type net struct {
	Voice
	turns    *spoken.Net
	alphabet spoken.Alphabet
}

// New has each voice say a few syllables, to know its pitch. After an error, all nets are closed.
func New(ctx context.Context, c Config) (*Piper, error) {
	p := &Piper{c: c, speakers: map[inference.Lang][]speaker{}}
	for _, v := range c.Voices {
		p.nets = append(p.nets, &net{Voice: v, turns: spoken.NewNet(v.Net), alphabet: v.Info.alphabet()})
	}
	for _, n := range p.nets {
		all, err := n.try(ctx)
		if err == nil && !n.exact() && !slices.Contains(c.Reference.Languages(), n.Info.Lang) {
			err = fmt.Errorf("the net tells no durations, and the voice that would speaks %v", c.Reference.Languages())
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("piper: %s: %w", n.Name, err), p.Close())
		}
		p.speakers[n.Info.Lang] = append(p.speakers[n.Info.Lang], all...)
	}
	if len(p.nets) == 0 {
		return nil, errors.New("piper: no voice")
	}
	return p, nil
}

// Languages implements inference.Synthesizer.
func (p *Piper) Languages() []inference.Lang {
	var out []inference.Lang
	for l := range p.speakers {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// Exact tells whether every voice tells its own durations.
func (p *Piper) Exact() bool {
	return !slices.ContainsFunc(p.nets, func(n *net) bool { return !n.exact() })
}

// Lacking returns how many symbols of pronunciation the voices did not know: they were left out.
func (p *Piper) Lacking() uint64 { return p.lacking.Load() }

// Speak implements inference.Synthesizer. Text without anything to speak is an
// error, as is text of more than 2000 characters, or of nothing that the voice
// knows a symbol for.
//
// The sound is mono at the voice's own rate, at -20 dBFS RMS, peaks limited to
// -1 dBFS, without silence before or after.
func (p *Piper) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	all := p.speakers[r.Lang]
	if len(all) == 0 {
		return inference.Speech{}, fmt.Errorf("%w %q: piper has %v", inference.ErrUnsupported, r.Lang, p.Languages())
	}
	out, err := p.speak(ctx, choose(all, r), r)
	switch {
	case ctx.Err() != nil:
		return inference.Speech{}, ctx.Err()
	case err != nil:
		return inference.Speech{}, fmt.Errorf("piper: %w", err)
	}
	return out, nil
}

func (p *Piper) speak(ctx context.Context, by speaker, r inference.SpeechRequest) (out inference.Speech, err error) {
	if err := spoken.Check(r.Text); err != nil {
		return out, err
	}
	clauses, err := p.c.Phonemes.Phonemes(ctx, by.net.Info.Accent, r.Text)
	if err != nil {
		return out, err
	}
	symbols, words, lacking := by.net.alphabet.Symbols(clauses)
	p.lacking.Add(uint64(lacking))
	parts := sentences(clauses, symbols)
	if len(parts) == 0 {
		return out, fmt.Errorf("%w: %s has no symbol for anything in it", inference.ErrRefused, by.net.Name)
	}
	s := spoken.New(by.net.Info.Rate)
	for i, part := range parts {
		if i > 0 {
			if err := s.Add(nil, nil, make([]float32, media.TimeToSamples(between, by.net.Info.Rate))); err != nil {
				return out, err
			}
		}
		if err := by.net.run(ctx, by.id, part, s); err != nil {
			return out, err
		}
	}
	if err := s.Finish(); err != nil {
		return out, err
	}
	out.Voice, out.Unread = by.name, spoken.Unread(clauses)
	if out.Rate, err = s.Fit(r.Fit, p.c.Stretch); err != nil {
		return out, err
	}
	out.Sound = s.Samples()
	if by.net.exact() {
		out.Marks, out.Words = s.Marks(), s.Words(words)
		return out, nil
	}
	out.Marks, out.Words, err = align.By(ctx, p.c.Reference, r, out.Sound)
	return out, err
}

// run has the net speak one part, and appends it to s.
func (n *net) run(ctx context.Context, speaker int, part []spoken.Symbol, s *spoken.Speech) error {
	ids, at := n.Info.encode(part)
	out, err := n.turns.Run(ctx, len(part), n.Info.inputs(ids, speaker))
	if err != nil {
		return err
	}
	if !n.exact() {
		return s.Add(nil, nil, out[0].Data)
	}
	if len(out[1].Data) != len(ids) {
		return fmt.Errorf("the net gave durations of %d symbols for %d", len(out[1].Data), len(ids))
	}
	samples, err := places(out[1].Data, at, len(out[0].Data))
	if err != nil {
		return err
	}
	return s.Add(part, samples, out[0].Data)
}

// sentences joins the symbols of clauses until a sentence ends, as voices are
// taught; longer ones than a net takes are cut.
func sentences(clauses []inference.Clause, symbols [][]spoken.Symbol) (out [][]spoken.Symbol) {
	var now []spoken.Symbol
	flush := func() {
		if len(now) > 0 {
			out, now = append(out, now), nil
		}
	}
	for i, c := range clauses {
		for _, s := range spoken.Cut(symbols[i], maxSymbols) {
			if len(now)+len(s) > maxSymbols {
				flush()
			}
			now = append(now, s...)
		}
		switch spoken.Ending(c.Text) {
		case '.', '?', '!', '…':
			flush()
		}
	}
	flush()
	return out
}

// Estimate implements inference.Estimator.
func (p *Piper) Estimate(r inference.SpeechRequest) time.Duration {
	all := p.speakers[r.Lang]
	if len(all) == 0 {
		return 0
	}
	return choose(all, r).net.turns.Estimate(r.Text)
}

// Close closes all nets, each after the run under way.
func (p *Piper) Close() error {
	var err error
	for _, n := range p.nets {
		err = errors.Join(err, n.turns.Close())
	}
	return err
}

var (
	_ inference.Synthesizer = (*Piper)(nil)
	_ inference.Estimator   = (*Piper)(nil)
)
