// Package openai recognizes speech by a server of OpenAI's protocol for
// transcriptions: speaches, vLLM, LocalAI, or OpenAI itself.
package openai

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"livedub/inference/recognize/whisper"
	"livedub/internal/remote"
)

const (
	rate    = 16000            // Hz
	maxText = 4 << 10          // bytes of one unit
	beyond  = time.Second      // that a word's time may lie outside its unit: padding, and rounding
	fromLog = -10.             // AvgLogProb of a server that gives less
	least   = rate / 100 * 2   // samples: less is no sound
	most    = 30 * time.Second // of one unit
)

// Config says who recognizes what.
type Config struct {
	Base      string   // address of the server, as "http://127.0.0.1:8000/v1"
	Key       string   // bearer token; "" for none
	Model     string   // as the server names it
	Languages []string // that are offered, by ISO 639-1 codes
}

// Model decodes units as a *whisper.Model does. It is safe for concurrent use.
type Model struct {
	c      Config
	client *remote.Client
	closed atomic.Bool
}

var errClosed = errors.New("openai: closed")

// New returns a model; it asks the server for nothing yet.
func New(c Config) (*Model, error) {
	if c.Model == "" {
		return nil, errors.New("openai: no model: name the one that the server has")
	}
	if len(c.Languages) == 0 {
		return nil, errors.New("openai: no languages: name those that the model knows")
	}
	client, err := remote.New(c.Base, c.Key)
	if err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	return &Model{c: c, client: client}, nil
}

// Languages returns those that are offered.
func (m *Model) Languages() []string { return m.c.Languages }

type transcription struct {
	Text     string
	Language string // by its code or its English name
	Words    []struct {
		Word       string
		Start, End float64 // seconds
	}
	Segments []struct {
		Start, End   float64
		NoSpeechProb *float64 `json:"no_speech_prob"`
		AvgLogProb   *float64 `json:"avg_logprob"`
	}
}

// Decode recognizes 16 kHz mono sound of -1..1 in the language of o.
func (m *Model) Decode(ctx context.Context, pcm []float32, o whisper.Options) (whisper.Result, error) {
	length := time.Duration(len(pcm)) * time.Second / rate
	switch {
	case m.closed.Load():
		return whisper.Result{}, errClosed
	case len(pcm) < least || length > most:
		return whisper.Result{}, fmt.Errorf("openai: %v of sound: at most %v are recognized at once", length, most)
	}
	var t transcription
	form := [][2]string{
		{"model", m.c.Model}, {"response_format", "verbose_json"}, {"temperature", "0"},
		{"timestamp_granularities[]", "word"}, {"timestamp_granularities[]", "segment"},
	}
	if o.Lang != "" { // else the server tells it
		form = append(form, [2]string{"language", o.Lang})
	}
	err := m.client.PostFile(ctx, "audio/transcriptions", form, "unit.wav", wav(pcm), &t)
	if err != nil {
		return whisper.Result{}, err
	}
	r, err := read(t, o.Lang, length)
	if err != nil {
		return whisper.Result{}, fmt.Errorf("%s: %w", m.client.Host(), err)
	}
	if len(r.Words) == 0 {
		r.Words = whisper.Spread(r.Text, pcm)
	}
	if o.Lang == "" {
		if r.Lang = m.told(t.Language); r.Lang != "" {
			r.LangProbs = map[string]float64{r.Lang: 1}
		}
	}
	return r, nil
}

// told returns the code of the language that a server names, "" for one that is not offered.
func (m *Model) told(name string) string {
	for _, code := range m.c.Languages {
		if strings.EqualFold(code, name) || strings.EqualFold(display.English.Languages().Name(language.Make(code)), name) {
			return code
		}
	}
	return ""
}

// read checks what a server heard in a unit of so long. Without words where it tells no times.
func read(t transcription, lang string, length time.Duration) (whisper.Result, error) {
	if len(t.Text) > maxText || !utf8.ValidString(t.Text) {
		return whisper.Result{}, fmt.Errorf("%w: %d bytes of text of %v of speech", remote.ErrAnswer, len(t.Text), length)
	}
	r := whisper.Result{Text: strings.TrimSpace(t.Text), Lang: lang}
	for i, s := range t.Segments {
		if s.NoSpeechProb != nil {
			r.NoSpeech = max(r.NoSpeech, min(max(*s.NoSpeechProb, 0), 1))
		}
		if s.AvgLogProb != nil {
			r.AvgLogProb += (max(*s.AvgLogProb, fromLog) - r.AvgLogProb) / float64(i+1) // the mean
		}
	}
	last := time.Duration(0)
	for _, w := range t.Words {
		start, end, text := seconds(w.Start), seconds(w.End), strings.TrimSpace(w.Word)
		if !(w.Start >= 0 && w.End >= w.Start) || end > length+beyond || start < last || len(text) > maxText || !utf8.ValidString(text) {
			return whisper.Result{}, fmt.Errorf("%w: a word from %.2f to %.2f s in %v of speech, after one at %v", remote.ErrAnswer, w.Start, w.End, length, last)
		}
		if last = start; text != "" {
			r.Words = append(r.Words, whisper.Word{Text: text, Start: min(start, length), End: min(end, length)})
		}
	}
	return r, nil
}

func seconds(s float64) time.Duration {
	if !(s >= 0 && s < 1e6) {
		return math.MaxInt64
	}
	return time.Duration(s * float64(time.Second))
}

// wav returns sound as a WAV file of 16 bits.
func wav(pcm []float32) []byte {
	b := make([]byte, 0, 44+2*len(pcm))
	u32 := func(v int) { b = binary.LittleEndian.AppendUint32(b, uint32(v)) }
	u16 := func(v int) { b = binary.LittleEndian.AppendUint16(b, uint16(v)) }
	b = append(b, "RIFF"...)
	u32(36 + 2*len(pcm))
	b = append(b, "WAVEfmt "...)
	u32(16)
	u16(1) // PCM
	u16(1) // channel
	u32(rate)
	u32(2 * rate)
	u16(2)
	u16(16)
	b = append(b, "data"...)
	u32(2 * len(pcm))
	for _, v := range pcm {
		u16(int(int16(math.Round(float64(min(max(v, -1), 1)) * 32767))))
	}
	return b
}

// Close gives connections back.
func (m *Model) Close() error {
	m.closed.Store(true)
	m.client.Close()
	return nil
}
