//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	sherpa "github.com/k2-fsa/sherpa-onnx-go-linux"

	"livedub/inference/recognize/wire"
)

const (
	rate     = 16000 // Hz
	features = 80    // of a frame
	step     = rate / 100

	// behind is how long after a sound a streaming net may still say what it was.
	behind = 300 * time.Millisecond
	// longestChunk is what a net may take at once: those with more are not for live speech.
	longestChunk = 5 * time.Second
)

// files are a model's.
type files struct{ encoder, decoder, joiner, tokens string }

// recognizer is a transducer; it lasts as long as the process.
type recognizer struct {
	net      *sherpa.OnlineRecognizer
	stream   *sherpa.OnlineStream // of the utterance; nil before the first
	tail     []float32            // silence that has the net say the rest
	capitals bool                 // it writes capitals only
}

// open loads a model. What the library does not like of it ends the process: it
// throws exceptions, or exits.
func open(f files) (*recognizer, error) {
	for _, path := range []string{f.encoder, f.decoder, f.joiner, f.tokens} {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	tokens, err := os.ReadFile(f.tokens)
	if err != nil {
		return nil, err
	}
	c := sherpa.OnlineRecognizerConfig{DecodingMethod: "greedy_search", FeatConfig: sherpa.FeatureConfig{SampleRate: rate, FeatureDim: features}}
	c.ModelConfig = sherpa.OnlineModelConfig{Tokens: f.tokens, NumThreads: 1, Provider: "cpu"}
	c.ModelConfig.Transducer = sherpa.OnlineTransducerModelConfig{Encoder: f.encoder, Decoder: f.decoder, Joiner: f.joiner}
	r := &recognizer{net: sherpa.NewOnlineRecognizer(&c), capitals: capitals(string(tokens))}
	if r.net == nil {
		return nil, errors.New("sherpa-onnx does not load the model of " + f.encoder)
	}
	chunk, err := r.chunk()
	if err != nil {
		return nil, err
	}
	r.tail = make([]float32, chunk+int(behind*rate/time.Second))
	return r, nil
}

// chunk returns how much sound the net takes at once, in samples: it does not
// say, so silence is given to it until it has enough.
func (r *recognizer) chunk() (int, error) {
	s := sherpa.NewOnlineStream(r.net)
	defer sherpa.DeleteOnlineStream(s)
	for n := step; n <= int(longestChunk*rate/time.Second); n += step {
		s.AcceptWaveform(rate, make([]float32, step))
		if r.net.IsReady(s) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the model takes more than %v of sound at once: one for live speech is wanted", longestChunk)
}

// capitals tells whether a model's tokens have capitals and no small letters.
func capitals(tokens string) bool {
	large := false
	for line := range strings.Lines(tokens) {
		piece, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(piece, "<") { // <blk>, <unk>, <0xE4>
			continue
		}
		if strings.IndexFunc(piece, unicode.IsLower) >= 0 {
			return false
		}
		large = large || strings.IndexFunc(piece, unicode.IsUpper) >= 0
	}
	return large
}

// Reset implements wire.Library. Utterances know nothing of each other.
func (r *recognizer) Reset() error {
	if r.stream != nil {
		sherpa.DeleteOnlineStream(r.stream)
		r.stream = nil
	}
	return nil
}

// Start implements wire.Library.
func (r *recognizer) Start() error {
	if err := r.Reset(); err != nil {
		return err
	}
	r.stream = sherpa.NewOnlineStream(r.net)
	return nil
}

// Feed implements wire.Library. The work is done before it returns.
func (r *recognizer) Feed(pcm []int16) error {
	samples := make([]float32, len(pcm))
	for i, v := range pcm {
		samples[i] = float32(v) / 32768
	}
	r.hear(samples)
	return nil
}

// hear runs the net over what has come, as far as it can.
func (r *recognizer) hear(samples []float32) {
	if len(samples) == 0 {
		return
	}
	r.stream.AcceptWaveform(rate, samples)
	for r.net.IsReady(r.stream) {
		r.net.Decode(r.stream)
	}
}

// End implements wire.Library.
func (r *recognizer) End() error {
	r.hear(r.tail)
	return nil
}

// Words implements wire.Library.
func (r *recognizer) Words() ([]wire.Segment, error) {
	result := r.net.GetResult(r.stream)
	said := pieces{text: result.Text, times: make([]time.Duration, len(result.Tokens)), tokens: result.Tokens, logProbs: probabilities(result.Json, len(result.Tokens))}
	if len(result.Timestamps) != len(result.Tokens) {
		return nil, fmt.Errorf("sherpa-onnx tells %d times of %d tokens", len(result.Timestamps), len(result.Tokens))
	}
	for i, t := range result.Timestamps {
		said.times[i] = time.Duration(math.Round(float64(t)*1000)) * time.Millisecond
	}
	if r.capitals {
		said.text = strings.ToLower(said.text)
	}
	return said.words(), nil
}

// probabilities returns the logarithms of the tokens' probabilities, which the
// library tells in its JSON alone; nil without them. The rest of that need not be
// JSON: tokens stand in it as they are.
func probabilities(json string, n int) []float64 {
	const key = `"ys_probs": [`
	at := strings.LastIndex(json, key)
	if at < 0 {
		return nil
	}
	list, _, ok := strings.Cut(json[at+len(key):], "]")
	if !ok {
		return nil
	}
	var out []float64
	for _, f := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := strconv.ParseFloat(f, 64)
		if err != nil || p != p || p > 0 {
			return nil
		}
		out = append(out, p)
	}
	if len(out) != n {
		return nil
	}
	return out
}
