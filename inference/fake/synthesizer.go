package fake

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"livedub/inference"
	"livedub/inference/viseme"
	"livedub/media"
)

// Synthesizer speaks each letter as a sound of 80 ms: vowels as a tone, the rest as silence.
type Synthesizer struct {
	// Fail, if set, is asked before each phrase; its error is returned instead.
	Fail func(text string) error

	closed atomic.Bool
}

// letter is how long one letter lasts at rate 1.
const letter = 80 * time.Millisecond

// Tone is the frequency of the spoken vowels, Hz: tests find dubs by it.
const Tone = 1000

func (s *Synthesizer) Languages() []inference.Lang { return []inference.Lang{"es", "ca"} }

func (s *Synthesizer) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	if r.Lang != "es" && r.Lang != "ca" {
		return inference.Speech{}, fmt.Errorf("fake: %q: %w; there are es and ca", r.Lang, inference.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return inference.Speech{}, err
	}
	if s.closed.Load() {
		return inference.Speech{}, errClosed
	}
	if s.Fail != nil {
		if err := s.Fail(r.Text); err != nil {
			return inference.Speech{}, err
		}
	}
	var letters []rune
	for _, c := range r.Text {
		if unicode.IsLetter(c) {
			letters = append(letters, unicode.ToLower(c))
		}
	}
	if n := len(letters); n == 0 || n > maxText {
		return inference.Speech{}, fmt.Errorf("%w: fake: %d letters: give 1 to %d", inference.ErrRefused, n, maxText)
	}
	rate := 1.0
	if r.Fit > 0 {
		rate = min(1.35, max(.9, float64(letter)*float64(len(letters))/float64(r.Fit)))
	}
	each := time.Duration(float64(letter) / rate)
	total := each * time.Duration(len(letters))
	out := inference.Speech{Rate: rate, Voice: "fake"}
	out.Sound = media.Samples{Rate: 22050, Channels: 1, Data: make([]int16, media.TimeToSamples(total, 22050))}
	out.Words = spread(r.Text, 0, out.Sound.Duration())
	for i, c := range letters {
		at := each * time.Duration(i)
		out.Marks = append(out.Marks, inference.Mark{IPA: string(c), Viseme: viseme.Of(string(c)), At: at, Dur: each})
		if strings.ContainsRune("aeiouáéíóúàèò", c) {
			tone(out.Sound.Data, media.TimeToSamples(at, 22050), media.TimeToSamples(at+each, 22050))
		}
	}
	last := &out.Marks[len(out.Marks)-1]
	last.Dur = out.Sound.Duration() - last.At
	return out, nil
}

func (s *Synthesizer) Close() error {
	s.closed.Store(true)
	return nil
}

func tone(pcm []int16, from, to int) {
	for i := from; i < min(to, len(pcm)); i++ {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*Tone*float64(i)/22050))
	}
}

// spread gives the words of text equal shares of the time from start to end.
func spread(text string, start, end time.Duration) []inference.Word {
	fields := strings.Fields(text)
	words := make([]inference.Word, len(fields))
	for i, f := range fields {
		n := time.Duration(len(fields))
		words[i] = inference.Word{
			Text:       f,
			Start:      start + (end-start)*time.Duration(i)/n,
			End:        start + (end-start)*time.Duration(i+1)/n,
			Confidence: 1,
		}
	}
	return words
}
