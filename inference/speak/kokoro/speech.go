package kokoro

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

// speech is what has been spoken: sound, and where each phoneme begins in it.
type speech struct {
	pcm    []float32
	tokens []spoken
	sound  []int16 // once finished
}

// spoken is a token with its samples.
type spoken struct {
	token
	from, to int
}

const (
	gap     = 40 * Rate / 1000 // samples; shorter pauses are part of the phoneme before
	longest = 2 * time.Minute  // of speech: more is a net that runs away
	lead    = 45 * Rate / 1000 // samples by which the sound of a token comes before its duration begins, measured
)

// add appends the sound of a part, and the frames of 25 ms that the net gave to
// each of its tokens and the two that frame them.
func (s *speech) add(p part, pcm, frames []float32) error {
	if len(frames) != len(p)+2 {
		return fmt.Errorf("the net gave durations of %d tokens for %d", len(frames), len(p)+2)
	}
	if timeOf(len(s.pcm)+len(pcm)) > longest {
		return fmt.Errorf("speech of more than %v: split the text", longest)
	}
	for _, v := range pcm {
		if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 100 {
			return errors.New("model output contains NaN or Inf")
		}
	}
	at := len(s.pcm)
	for i, f := range frames {
		n := int(math.Round(float64(f))) * step
		if !(f >= 0) || n < 0 || at+n > len(s.pcm)+len(pcm)+step {
			return errors.New("the net's durations are not those of its sound")
		}
		if i > 0 && i <= len(p) {
			s.tokens = append(s.tokens, spoken{p[i-1], max(at-lead, len(s.pcm)), max(min(at+n, len(s.pcm)+len(pcm))-lead, len(s.pcm))})
		}
		at += n
	}
	s.pcm = append(s.pcm, pcm...)
	return nil
}

// finish trims the sound and brings it to the common loudness.
func (s *speech) finish() error {
	sound, from, ok := level.Speech(s.pcm, Rate)
	if !ok {
		return errors.New("kokoro: the text has no sound; send words")
	}
	s.sound = sound
	for i := range s.tokens {
		t := &s.tokens[i]
		t.from, t.to = min(max(t.from-from, 0), len(sound)), min(max(t.to-from, 0), len(sound))
	}
	return nil
}

// fit has the speech last want, as near as the range of rates allows, and
// returns how fast that is against natural.
func (s *speech) fit(want time.Duration, stretch func(media.Samples, float64) (media.Samples, error)) (float64, error) {
	if want <= 0 {
		return 1, nil
	}
	tempo := min(fastest, max(slowest, timeOf(len(s.sound)).Seconds()/want.Seconds()))
	if math.Abs(tempo-1) < .01 {
		return 1, nil
	}
	out, err := stretch(s.samples(), tempo)
	if err != nil {
		return 0, fmt.Errorf("kokoro: %w", err)
	}
	s.sound = out.Data
	for i := range s.tokens {
		t := &s.tokens[i]
		t.from, t.to = scaled(t.from, tempo, len(s.sound)), scaled(t.to, tempo, len(s.sound))
	}
	return tempo, nil
}

func scaled(sample int, tempo float64, most int) int {
	return min(int(math.Round(float64(sample)/tempo)), most)
}

func (s *speech) samples() media.Samples {
	return media.Samples{Rate: Rate, Channels: 1, Data: s.sound}
}

// marks returns the phonemes, contiguous from the first sounding sample to the last.
func (s *speech) marks() []inference.Mark {
	type span struct {
		ipa  string // "" for a pause
		from int
	}
	var all []span
	stressed := -1 // where a stress mark began, whose phoneme is next
	for _, t := range s.tokens {
		switch {
		case t.kind == stress && stressed < 0:
			stressed = t.from
		case t.kind == phoneme:
			from := t.from
			if stressed >= 0 {
				from, stressed = stressed, -1
			}
			all = append(all, span{t.ipa, from})
		case t.kind == pause && t.to-t.from >= gap && len(all) > 0 && all[len(all)-1].ipa != "":
			all = append(all, span{"", t.from})
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
			out = append(out, inference.Mark{IPA: a.ipa, Viseme: viseme.Of(a.ipa), At: timeOf(from), Dur: timeOf(to) - timeOf(from)})
		}
	}
	return out
}

// words returns when each of the words sounds. Words that are said as one share its time by length.
func (s *speech) words(texts []string) []inference.Word {
	type span struct{ from, to int }
	spans := make([]span, len(texts))
	for i := range spans {
		spans[i] = span{-1, -1}
	}
	for _, t := range s.tokens {
		if t.word < 0 || t.word >= len(spans) {
			continue
		}
		w := &spans[t.word]
		if w.from < 0 {
			w.from = t.from
		}
		w.to = t.to
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
			out = append(out, inference.Word{Text: text, Start: timeOf(start), End: timeOf(from + (to-from)*said/runes)})
		}
		last, i = to, j
	}
	return out
}
