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

	sherpa "github.com/k2-fsa/sherpa-onnx-go-linux"

	"livedub/inference/recognize/wire"
)

const (
	// leastSound is how much sound a net is asked about: less has no words.
	leastSound = rate / 10
	// mostSound bounds an utterance.
	mostSound = 60 * rate
)

// offline is a net that hears an utterance as a whole; it lasts as long as the process.
type offline struct {
	net      *sherpa.OfflineRecognizer
	pcm      []float32 // of the utterance
	lang     string    // that was told the last time; "" for none
	capitals bool      // it writes capitals only
}

// openTDT loads a transducer of NeMo's, as Parakeet.
func openTDT(threads string, f files) (*offline, error) {
	c, err := offlineConfig(threads, f.tokens)
	if err != nil {
		return nil, err
	}
	c.ModelConfig.ModelType = "nemo_transducer"
	c.ModelConfig.Transducer = sherpa.OfflineTransducerModelConfig{Encoder: f.encoder, Decoder: f.decoder, Joiner: f.joiner}
	return openOffline(c, f.encoder, f.decoder, f.joiner)
}

// openSenseVoice loads a SenseVoice, which hears a language, or tells it where it is told none.
func openSenseVoice(threads, lang, model, tokens string) (*offline, error) {
	c, err := offlineConfig(threads, tokens)
	if err != nil {
		return nil, err
	}
	c.ModelConfig.SenseVoice = sherpa.OfflineSenseVoiceModelConfig{Model: model, Language: lang, UseInverseTextNormalization: 1}
	return openOffline(c, model)
}

func offlineConfig(threads, tokens string) (*sherpa.OfflineRecognizerConfig, error) {
	n, err := strconv.Atoi(threads)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q threads: want 1 or more", threads)
	}
	return &sherpa.OfflineRecognizerConfig{
		DecodingMethod: "greedy_search", FeatConfig: sherpa.FeatureConfig{SampleRate: rate, FeatureDim: features},
		ModelConfig: sherpa.OfflineModelConfig{Tokens: tokens, NumThreads: n, Provider: "cpu"},
	}, nil
}

// openOffline loads a model. What the library does not like of it ends the process.
func openOffline(c *sherpa.OfflineRecognizerConfig, nets ...string) (*offline, error) {
	for _, path := range nets {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	tokens, err := os.ReadFile(c.ModelConfig.Tokens)
	if err != nil {
		return nil, err
	}
	o := &offline{net: sherpa.NewOfflineRecognizer(c), capitals: capitals(string(tokens))}
	if o.net == nil {
		return nil, errors.New("sherpa-onnx does not load the model of " + nets[0])
	}
	return o, nil
}

// Reset implements wire.Library. Utterances know nothing of each other.
func (o *offline) Reset() error {
	o.pcm, o.lang = o.pcm[:0], ""
	return nil
}

// Start implements wire.Library.
func (o *offline) Start() error { return o.Reset() }

// Feed implements wire.Library.
func (o *offline) Feed(pcm []int16) error {
	if len(o.pcm)+len(pcm) > mostSound {
		return fmt.Errorf("an utterance of more than %d s", mostSound/rate)
	}
	for _, v := range pcm {
		o.pcm = append(o.pcm, float32(v)/32768)
	}
	return nil
}

// End implements wire.Library.
func (o *offline) End() error { return nil }

// Lang implements wire.Teller.
func (o *offline) Lang() string { return o.lang }

// Words implements wire.Library: all of the utterance is heard anew.
func (o *offline) Words() ([]wire.Segment, error) {
	if len(o.pcm) < leastSound {
		return nil, nil
	}
	s := sherpa.NewOfflineStream(o.net)
	defer sherpa.DeleteOfflineStream(s)
	s.AcceptWaveform(rate, o.pcm)
	o.net.Decode(s)
	result := s.GetResult()
	o.lang = strings.TrimSuffix(strings.TrimPrefix(result.Lang, "<|"), "|>")
	if len(result.Timestamps) != len(result.Tokens) {
		return nil, fmt.Errorf("sherpa-onnx tells %d times of %d tokens", len(result.Timestamps), len(result.Tokens))
	}
	said := pieces{text: result.Text, tokens: result.Tokens, times: make([]time.Duration, len(result.Tokens))}
	for i, t := range result.Timestamps {
		said.times[i] = time.Duration(math.Round(float64(t)*1000)) * time.Millisecond
	}
	for _, l := range result.YsLogProbs {
		said.logProbs = append(said.logProbs, float64(l))
	}
	if o.capitals {
		said.text = strings.ToLower(said.text)
	}
	return said.words(), nil
}
