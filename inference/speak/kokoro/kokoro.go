// Package kokoro speaks text by Kokoro-82M, a neural voice that runs on a CPU,
// with the exact time of every phoneme: the net's own durations. espeak-ng tells
// how the text is pronounced.
package kokoro

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/onnx/onnxfile"
	"livedub/inference/speak/spoken"
)

const (
	// Rate is the sample rate of all sound, Hz.
	Rate = 24000
	// step is what one unit of the net's durations lasts: 25 ms, in samples.
	step = Rate / 40

	maxTokens = 510 // of one run, without the two that frame it

	// lead is by how many samples the sound of a token comes before its duration begins, measured.
	lead = 45 * Rate / 1000
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
	Stretch spoken.Stretch
}

// Kokoro is an inference.Synthesizer. It is safe for concurrent use; requests
// take turns in the order they came.
type Kokoro struct {
	c      Config
	vocab  vocabulary
	voices map[string]style
	net    *spoken.Net

	lacking atomic.Uint64
}

// New reads vocabulary and voices. After an error, c.Net is closed.
func New(c Config) (*Kokoro, error) {
	k := &Kokoro{c: c, net: spoken.NewNet(c.Net)}
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

// durations is the value inside the net that holds how many frames of 25 ms each symbol lasts.
const durations = "/encoder/Round_output_0"

// Load opens kokoro.onnx of a folder. One that does not tell its durations is
// opened by a copy that does.
func Load(ctx context.Context, dir string, open spoken.Opener) (inference.Model, error) {
	path := filepath.Join(dir, "kokoro.onnx")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("kokoro: %w", err)
	}
	f, err := onnxfile.Read(b)
	if err != nil {
		return nil, fmt.Errorf("kokoro: %s: %w", path, err)
	}
	var m inference.Model
	if len(f.Outputs) == 1 {
		m, err = spoken.OpenExposed(ctx, b, durations, open, Example)
	} else {
		m, err = open(ctx, path, Example)
	}
	if err != nil {
		return nil, fmt.Errorf("kokoro: %w", err)
	}
	return m, nil
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
	in := names(m.Inputs())
	if len(in) > 0 && in[0] == "input_ids" { // of later exports
		in[0] = "tokens"
	}
	if !slices.Equal(in, []string{"tokens", "style", "speed"}) {
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
	if err := spoken.Check(r.Text); err != nil {
		return inference.Speech{}, fmt.Errorf("kokoro: %w", err)
	}
	clauses, err := k.c.Phonemes.Phonemes(ctx, accent, r.Text)
	if err != nil {
		return inference.Speech{}, fmt.Errorf("kokoro: %w", err)
	}
	s := spoken.New(Rate)
	parts, words, lacking := k.vocab.parts(clauses, strings.HasPrefix(accent, "en"))
	k.lacking.Add(uint64(lacking))
	for _, part := range parts {
		err := k.run(ctx, voice, part, s)
		switch {
		case ctx.Err() != nil:
			return inference.Speech{}, ctx.Err()
		case err != nil:
			return inference.Speech{}, fmt.Errorf("kokoro: %w", err)
		}
	}
	if err := s.Finish(); err != nil {
		return inference.Speech{}, fmt.Errorf("kokoro: %w", err)
	}
	rate, err := s.Fit(r.Fit, k.c.Stretch)
	if err != nil {
		return inference.Speech{}, fmt.Errorf("kokoro: %w", err)
	}
	return inference.Speech{Sound: s.Samples(), Marks: s.Marks(), Words: s.Words(words), Rate: rate, Voice: "Kokoro " + voice, Unread: spoken.Unread(clauses)}, nil
}

// Lacking returns how many symbols of pronunciation the voices did not know: they were left out.
func (k *Kokoro) Lacking() uint64 { return k.lacking.Load() }

// Estimate implements inference.Estimator.
func (k *Kokoro) Estimate(r inference.SpeechRequest) time.Duration {
	return k.net.Estimate(r.Text)
}

// run has the net speak one part, and appends it to s.
func (k *Kokoro) run(ctx context.Context, voice string, p part, s *spoken.Speech) error {
	tokens := make([]float32, 0, len(p)+2) // framed by pauses
	tokens = append(tokens, 0)
	for _, t := range p {
		tokens = append(tokens, float32(k.vocab[t.Rune]))
	}
	tokens = append(tokens, 0)
	out, err := k.net.Run(ctx, len(p), []inference.Tensor{
		{Shape: []int{1, len(tokens)}, Data: tokens},
		{Shape: []int{1, styleSize}, Data: k.voices[voice].row(len(p))},
		{Shape: []int{1}, Data: []float32{1}},
	})
	if err != nil {
		return err
	}
	at, err := times(out[1].Data, len(p), len(out[0].Data))
	if err != nil {
		return err
	}
	return s.Add(p, at, out[0].Data)
}

// times returns where each of n tokens begins, and where the last one ends, in
// sound of so many samples. frames are those of 25 ms that the net gave to each of
// them and the two that frame them.
func times(frames []float32, n, samples int) ([]int, error) {
	if len(frames) != n+2 {
		return nil, fmt.Errorf("the net gave durations of %d tokens for %d", len(frames), n+2)
	}
	var out []int
	at := 0
	for i, f := range frames {
		d := int(math.Round(float64(f))) * step
		if !(f >= 0) || d < 0 || at+d > samples+step {
			return nil, errors.New("the net's durations are not those of its sound")
		}
		if i > 0 {
			out = append(out, min(at, samples)-lead)
		}
		at += d
	}
	return out, nil
}

var (
	_ inference.Synthesizer = (*Kokoro)(nil)
	_ inference.Estimator   = (*Kokoro)(nil)
)

// Close closes the net, after the run under way.
func (k *Kokoro) Close() error { return k.net.Close() }
