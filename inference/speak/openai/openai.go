// Package openai speaks by a server of OpenAI's protocol for speech:
// Kokoro-FastAPI, LocalAI, or OpenAI itself. Such servers tell no times; those of
// the phonemes are found beside another voice's rendering of the same words.
package openai

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/speak/align"
	"livedub/inference/speak/level"
	"livedub/inference/speak/spoken"
	"livedub/internal/remote"
	"livedub/media"
)

const (
	rate    = 24000 // Hz, of sound that comes without a header
	longest = time.Minute
)

// Config says who speaks what.
type Config struct {
	Base, Key, Model string           // as remote.New wants them; the model as the server names it
	Female, Male     string           // voices, as the server names them; one may be ""
	Languages        []inference.Lang // that the model speaks
	// Reference speaks the same words with known times. It stays the caller's.
	Reference inference.Synthesizer
	// Stretch returns sound at tempo times its speed, at the same pitch.
	Stretch spoken.Stretch
}

// Synthesizer is an inference.Synthesizer. It is safe for concurrent use.
type Synthesizer struct {
	c      Config
	langs  []inference.Lang // that Reference speaks too
	client *remote.Client
	closed atomic.Bool
}

var errClosed = errors.New("openai: closed")

// New returns a synthesizer; it asks the server for nothing yet.
func New(c Config) (*Synthesizer, error) {
	if c.Model == "" || c.Female == "" && c.Male == "" {
		return nil, errors.New("openai: no model, or no voice: name those that the server has")
	}
	s := &Synthesizer{c: c}
	for _, l := range c.Reference.Languages() {
		if slices.Contains(c.Languages, l) {
			s.langs = append(s.langs, l)
		}
	}
	if len(s.langs) == 0 {
		return nil, fmt.Errorf("openai: languages %v: the voice that tells the times speaks %v", c.Languages, c.Reference.Languages())
	}
	var err error
	if s.client, err = remote.New(c.Base, c.Key); err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	return s, nil
}

// Languages implements inference.Synthesizer.
func (s *Synthesizer) Languages() []inference.Lang { return s.langs }

// divide is the median pitch, in Hz, from which a person of unknown gender gets the female voice.
const divide = 155

func (s *Synthesizer) voice(r inference.SpeechRequest) string {
	first, second := s.c.Male, s.c.Female
	if r.Gender == inference.Female || r.Gender == inference.Unspecified && r.Pitch.Median >= divide {
		first, second = second, first
	}
	if first == "" {
		return second
	}
	return first
}

// Speak implements inference.Synthesizer.
func (s *Synthesizer) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	switch {
	case s.closed.Load():
		return inference.Speech{}, errClosed
	case !slices.Contains(s.langs, r.Lang):
		return inference.Speech{}, fmt.Errorf("%w %q: openai has %v", inference.ErrUnsupported, r.Lang, s.langs)
	}
	if err := spoken.Check(r.Text); err != nil {
		return inference.Speech{}, fmt.Errorf("openai: %w", err)
	}
	text := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, r.Text)
	voice := s.voice(r)
	body, err := s.client.PostRaw(ctx, "audio/speech", map[string]any{
		"model": s.c.Model, "input": text, "voice": voice, "response_format": "pcm",
	})
	if err != nil {
		return inference.Speech{}, err
	}
	out, err := s.finish(ctx, r, text, body)
	if err != nil {
		return inference.Speech{}, fmt.Errorf("%s: %w", s.client.Host(), err)
	}
	out.Voice = "openai " + voice
	return out, nil
}

// finish makes a speech of what a server sent for a text.
func (s *Synthesizer) finish(ctx context.Context, r inference.SpeechRequest, text string, body []byte) (inference.Speech, error) {
	pcm, hz, err := read(body)
	if err != nil {
		return inference.Speech{}, err
	}
	sound, _, ok := level.Speech(pcm, hz)
	if !ok {
		return inference.Speech{}, fmt.Errorf("%w: it is silent", remote.ErrAnswer)
	}
	out := inference.Speech{Sound: media.Samples{Rate: hz, Channels: 1, Data: sound}}
	if out.Sound, out.Rate, err = spoken.Fit(out.Sound, r.Fit, s.c.Stretch); err != nil {
		return inference.Speech{}, err
	}
	r.Text = text
	out.Marks, out.Words, err = align.By(ctx, s.c.Reference, r, out.Sound)
	if errors.Is(err, align.ErrUnlike) {
		err = fmt.Errorf("%w: %w", remote.ErrAnswer, err)
	}
	if err != nil {
		return inference.Speech{}, err
	}
	return out, nil
}

// read returns sound of -1..1 and its rate: a WAV file of 16 bits, or bare samples at 24 kHz.
func read(b []byte) (pcm []float32, hz int, err error) {
	hz, channels := rate, 1
	if bytes.HasPrefix(b, []byte("RIFF")) && len(b) >= 12 && string(b[8:12]) == "WAVE" {
		if b, hz, channels, err = wav(b[12:]); err != nil {
			return nil, 0, err
		}
	}
	n := len(b) / 2 / channels
	if d := media.SamplesToTime(n, hz); n == 0 || d > longest {
		return nil, 0, fmt.Errorf("%w: %v of sound", remote.ErrAnswer, d)
	}
	pcm = make([]float32, n)
	for i := range pcm {
		for c := range channels {
			pcm[i] += float32(int16(binary.LittleEndian.Uint16(b[2*(i*channels+c):]))) / 32768 / float32(channels)
		}
	}
	return pcm, hz, nil
}

// wav finds the samples among a WAV file's chunks. A length beyond the file's end,
// which servers write that stream, is the rest of it.
func wav(b []byte) (data []byte, hz, channels int, err error) {
	for len(b) >= 8 {
		name, n := string(b[:4]), int(min(int64(binary.LittleEndian.Uint32(b[4:])), int64(len(b)-8)))
		chunk := b[8 : 8+n]
		switch {
		case name == "fmt " && n >= 16:
			channels, hz = int(binary.LittleEndian.Uint16(chunk[2:])), int(binary.LittleEndian.Uint32(chunk[4:]))
			if kind, bits := binary.LittleEndian.Uint16(chunk), binary.LittleEndian.Uint16(chunk[14:]); kind != 1 && kind != 0xfffe || bits != 16 || channels < 1 || channels > 2 || hz < 8000 || hz > 192000 {
				return nil, 0, 0, fmt.Errorf("%w: a WAV of kind %d, %d bits, %d channels, %d Hz: PCM of 16 bits is read", remote.ErrAnswer, kind, bits, channels, hz)
			}
		case name == "data" && hz > 0:
			return chunk, hz, channels, nil
		}
		b = b[8+n:]
		if n%2 == 1 && len(b) > 0 {
			b = b[1:]
		}
	}
	return nil, 0, 0, fmt.Errorf("%w: a WAV without sound", remote.ErrAnswer)
}

// Close implements inference.Synthesizer.
func (s *Synthesizer) Close() error {
	s.closed.Store(true)
	s.client.Close()
	return nil
}
