package spoken

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/speak/level"
	"livedub/inference/viseme"
	"livedub/media"
)

// Speech is what has been spoken: sound, and where each symbol begins in it.
type Speech struct {
	rate    int // Hz
	pcm     []float32
	symbols []placed
	sound   []int16 // once finished
}

// placed is a symbol with its samples.
type placed struct {
	Symbol
	from, to int
}

const (
	gap     = 40 * time.Millisecond // shorter pauses are part of the phoneme before
	longest = 2 * time.Minute       // of speech: more is a net that runs away
)

// New returns a speech without sound, of so many samples a second.
func New(rate int) *Speech { return &Speech{rate: rate} }

// Add appends sound of -1..1, and beyond. Symbol i sounds from sample at[i] of it
// to at[i+1]; what lies before or after the sound is cut to it.
func (s *Speech) Add(symbols []Symbol, at []int, pcm []float32) error {
	if len(symbols) > 0 && len(at) != len(symbols)+1 {
		return fmt.Errorf("%d times for %d symbols", len(at), len(symbols))
	}
	if s.time(len(s.pcm)+len(pcm)) > longest {
		return fmt.Errorf("%w: speech of more than %v: split the text", inference.ErrRefused, longest)
	}
	for _, v := range pcm {
		if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 100 {
			return errors.New("model output contains NaN or Inf")
		}
	}
	begin := len(s.pcm)
	within := func(sample int) int { return begin + min(max(sample, 0), len(pcm)) }
	for i, symbol := range symbols {
		s.symbols = append(s.symbols, placed{symbol, within(at[i]), within(at[i+1])})
	}
	s.pcm = append(s.pcm, pcm...)
	return nil
}

// Finish trims the sound and brings it to the common loudness.
func (s *Speech) Finish() error {
	sound, from, ok := level.Speech(s.pcm, s.rate)
	if !ok {
		return fmt.Errorf("%w: it has no sound; send words", inference.ErrRefused)
	}
	s.sound = sound
	for i := range s.symbols {
		p := &s.symbols[i]
		p.from, p.to = min(max(p.from-from, 0), len(sound)), min(max(p.to-from, 0), len(sound))
	}
	return nil
}

// Fit has the speech last want, as Fit does, and returns how fast that is against natural.
func (s *Speech) Fit(want time.Duration, stretch Stretch) (float64, error) {
	out, tempo, err := Fit(s.Samples(), want, stretch)
	if err != nil || tempo == 1 {
		return tempo, err
	}
	s.sound = out.Data
	for i := range s.symbols {
		p := &s.symbols[i]
		p.from, p.to = scaled(p.from, tempo, len(s.sound)), scaled(p.to, tempo, len(s.sound))
	}
	return tempo, nil
}

func scaled(sample int, tempo float64, most int) int {
	return min(int(math.Round(float64(sample)/tempo)), most)
}

// Samples returns the finished sound.
func (s *Speech) Samples() media.Samples {
	return media.Samples{Rate: s.rate, Channels: 1, Data: s.sound}
}

func (s *Speech) time(sample int) time.Duration { return media.SamplesToTime(sample, s.rate) }

// Marks returns the phonemes, contiguous from the first sounding sample to the last.
func (s *Speech) Marks() []inference.Mark {
	type span struct {
		ipa  string // "" for a pause
		from int
	}
	var all []span
	short := media.TimeToSamples(gap, s.rate)
	stressed := -1 // where a stress mark began, whose phoneme is next
	for _, p := range s.symbols {
		switch {
		case p.Kind == Stress && stressed < 0:
			stressed = p.from
		case p.Kind == Phoneme:
			from := p.from
			if stressed >= 0 {
				from, stressed = stressed, -1
			}
			all = append(all, span{p.IPA, from})
		case p.Kind == Pause && p.to-p.from >= short && len(all) > 0 && all[len(all)-1].ipa != "":
			all = append(all, span{"", p.from})
		}
	}
	for n := len(all); n > 0 && (all[n-1].ipa == "" || all[n-1].from >= len(s.sound)); n-- {
		all = all[:n-1]
	}
	var out []inference.Mark
	for i, a := range all {
		from, to := a.from, len(s.sound)
		if i == 0 {
			from = 0
		}
		if i+1 < len(all) {
			to = all[i+1].from
		}
		if to > from {
			out = append(out, inference.Mark{IPA: a.ipa, Viseme: viseme.Of(a.ipa), At: s.time(from), Dur: s.time(to) - s.time(from)})
		}
	}
	return out
}

// Words returns when each of the words sounds. Words that are said as one share its time by length.
func (s *Speech) Words(texts []string) []inference.Word {
	type span struct{ from, to int }
	spans := make([]span, len(texts))
	for i := range spans {
		spans[i] = span{-1, -1}
	}
	for _, p := range s.symbols {
		if p.Word < 0 || p.Word >= len(spans) {
			continue
		}
		w := &spans[p.Word]
		if w.from < 0 {
			w.from = p.from
		}
		w.to = p.to
	}
	var out []inference.Word
	last := 0
	for i := 0; i < len(texts); {
		j, runes := i+1, utf8.RuneCountInString(texts[i])
		for j < len(texts) && spans[j].from < 0 {
			runes += utf8.RuneCountInString(texts[j])
			j++
		}
		from, to := max(spans[i].from, last), max(spans[i].to, last)
		said := 0
		for _, text := range texts[i:j] {
			start := from + (to-from)*said/runes
			said += utf8.RuneCountInString(text)
			out = append(out, inference.Word{Text: text, Start: s.time(start), End: s.time(from + (to-from)*said/runes)})
		}
		last, i = to, j
	}
	return out
}
