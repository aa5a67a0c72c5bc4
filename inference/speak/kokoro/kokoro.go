// Package kokoro speaks text by Kokoro-82M, a neural voice that runs on a CPU,
// with the exact time of every phoneme: the net's own durations. espeak-ng tells
// how the text is pronounced.
package kokoro

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/media"
)

const (
	// Rate is the sample rate of all sound, Hz.
	Rate = 24000
	// step is what one unit of the net's durations lasts: 25 ms, in samples.
	step = Rate / 40

	maxText   = 2000 // runes
	maxTokens = 510  // of one run, without the two that frame it
	fewTokens = 8    // as long as these takes any text

	slowest = .9   // of natural; speech drawn out further sounds ill
	fastest = 1.35 // of natural; what is faster is not followed well
)

// Config says what a voice is made of.
type Config struct {
	// Dir has vocab.json and voices/*.bin, as `livedub models pull kokoro` puts them there.
	Dir string
	// Net is kokoro.onnx with the durations of its tokens as second output: it takes
	// tokens[1,n], style[1,256] and speed[1]. The Kokoro's from now on.
	Net inference.Model
	// Phonemes tells how text is pronounced. It stays the caller's.
	Phonemes inference.Phonemizer
	// Stretch returns sound at tempo times its speed, at the same pitch.
	Stretch func(s media.Samples, tempo float64) (media.Samples, error)
}

// Kokoro is an inference.Synthesizer. It is safe for concurrent use; requests
// take turns in the order they came.
type Kokoro struct {
	c      Config
	vocab  vocabulary
	voices map[string]style
	turn   chan struct{} // room for the one that the net works for
	pace   atomic.Int64  // ns that a token takes, learned; 0: unknown

	once   sync.Once
	closed chan struct{}
	err    error // of Close
}

var errClosed = errors.New("kokoro: closed; open a new one")

// New reads vocabulary and voices. After an error, c.Net is closed.
func New(c Config) (*Kokoro, error) {
	k := &Kokoro{c: c, turn: make(chan struct{}, 1), closed: make(chan struct{})}
	err := checkNet(c.Net)
	if err == nil {
		k.vocab, err = readVocabulary(c.Dir)
	}
	if err == nil {
		k.voices, err = readStyles(c.Dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kokoro: %w", err), c.Net.Close())
	}
	return k, nil
}

// Example returns an item for warming the net: a short word of an even voice.
func Example(int) []inference.Tensor {
	tokens := make([]float32, 8)
	for i := range tokens[1:7] {
		tokens[i+1] = float32(43 + i)
	}
	return []inference.Tensor{
		{Shape: []int{1, len(tokens)}, Data: tokens}, {Shape: []int{1, styleSize}, Data: make([]float32, styleSize)}, {Shape: []int{1}, Data: []float32{1}},
	}
}

// checkNet tells whether a net has what is used of it.
func checkNet(m inference.Model) error {
	names := func(all []inference.TensorInfo) (out []string) {
		for _, t := range all {
			out = append(out, t.Name)
		}
		return out
	}
	if in := names(m.Inputs()); !slices.Equal(in, []string{"tokens", "style", "speed"}) {
		return fmt.Errorf("the net takes %v: tokens, style and speed are needed", in)
	}
	if n := len(m.Outputs()); n != 2 {
		return fmt.Errorf("the net has %d outputs: sound and the durations of its tokens are needed; pull kokoro again", n)
	}
	return nil
}

// Languages implements inference.Synthesizer.
func (k *Kokoro) Languages() []inference.Lang {
	var out []inference.Lang
	for l, s := range speakers {
		if k.voices[s.female] != nil || k.voices[s.male] != nil {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// Speak implements inference.Synthesizer. Text without anything to speak is an
// error, as is text of more than 2000 characters.
//
// The sound is mono at 24 kHz, at -20 dBFS RMS, peaks limited to -1 dBFS,
// without silence before or after.
func (k *Kokoro) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	accent, voice, ok := k.choose(r)
	if !ok {
		return inference.Speech{}, fmt.Errorf("%w %q: kokoro has %v", inference.ErrUnsupported, r.Lang, k.Languages())
	}
	if n := utf8.RuneCountInString(r.Text); n > maxText {
		return inference.Speech{}, fmt.Errorf("kokoro: text of %d characters; split it at %d", n, maxText)
	}
	if strings.IndexFunc(r.Text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return inference.Speech{}, errors.New("kokoro: nothing to speak; send words")
	}
	clauses, err := k.c.Phonemes.Phonemes(ctx, accent, r.Text)
	if err != nil {
		return inference.Speech{}, fmt.Errorf("kokoro: %w", err)
	}
	s := &speech{}
	parts, words := k.vocab.parts(clauses, strings.HasPrefix(accent, "en"))
	for _, part := range parts {
		if err := k.run(ctx, voice, part, s); err != nil {
			return inference.Speech{}, err
		}
	}
	if err := s.finish(); err != nil {
		return inference.Speech{}, err
	}
	rate, err := s.fit(r.Fit, k.c.Stretch)
	if err != nil {
		return inference.Speech{}, err
	}
	return inference.Speech{Sound: s.samples(), Marks: s.marks(), Words: s.words(words), Rate: rate, Voice: "Kokoro " + voice}, nil
}

// learn notes how long so many tokens took, or were worked at in vain: at least so long.
func (k *Kokoro) learn(tokens int, took time.Duration) {
	each := int64(took) / int64(max(tokens, fewTokens))
	if old := k.pace.Load(); old > 0 {
		each = old + (each-old)/4
	}
	k.pace.Store(each)
}

// Estimate implements inference.Estimator.
func (k *Kokoro) Estimate(r inference.SpeechRequest) time.Duration {
	return time.Duration(k.pace.Load() * int64(max(utf8.RuneCountInString(r.Text), fewTokens)))
}

// run has the net speak one part, and appends it to s.
func (k *Kokoro) run(ctx context.Context, voice string, p part, s *speech) error {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-k.closed:
		return errClosed
	}
	defer func() { <-k.turn }()
	select {
	case <-k.closed:
		return errClosed
	default:
	}
	began := time.Now()
	defer func() { k.learn(len(p), time.Since(began)) }()
	tokens := make([]float32, 0, len(p)+2) // framed by pauses
	tokens = append(tokens, 0)
	for _, t := range p {
		tokens = append(tokens, float32(t.id))
	}
	tokens = append(tokens, 0)
	out, err := k.c.Net.Run(ctx, []inference.Tensor{
		{Shape: []int{1, len(tokens)}, Data: tokens},
		{Shape: []int{1, styleSize}, Data: k.voices[voice].row(len(p))},
		{Shape: []int{1}, Data: []float32{1}},
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("kokoro: %w", err)
	}
	if err := s.add(p, out[0].Data, out[1].Data); err != nil {
		return fmt.Errorf("kokoro: %w", err)
	}
	return nil
}

var (
	_ inference.Synthesizer = (*Kokoro)(nil)
	_ inference.Estimator   = (*Kokoro)(nil)
)

// Close closes the net, after the run under way.
func (k *Kokoro) Close() error {
	k.once.Do(func() {
		close(k.closed)
		k.turn <- struct{}{}
		k.err = k.c.Net.Close()
	})
	return k.err
}

// timeOf returns the time of a sample.
func timeOf(sample int) time.Duration { return media.SamplesToTime(sample, Rate) }
