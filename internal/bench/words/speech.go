package words

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"livedub/inference"
	"livedub/internal/bench/words/score"
	"livedub/internal/grades"
	"livedub/media"
)

const (
	lowRate = 16000 // Hz, of what recognizers hear
	chunk   = lowRate / 50
	before  = 400 * time.Millisecond // of silence, before a sentence
	after   = 800 * time.Millisecond
)

// said is a sentence and its sound.
type said struct {
	text  string
	sound []int16 // mono, lowRate, with silence before and after
	lasts time.Duration
}

// padded returns sound between silences, so that the unit it is begins and ends.
func padded(s media.Samples) []int16 { return slices.Concat(quiet(before), s.Data, quiet(after)) }

// voice has a voice speak a language, and all recognizers listen.
func (m *measuring) voice(ctx context.Context, v Voice, lang inference.Lang) error {
	m.Say(fmt.Sprintf("%s speaks %s", v.Name, lang))
	row, speech, err := m.speak(ctx, v, lang)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.skip(fmt.Sprintf("%s in %s", v.Name, lang), err)
		return nil
	}
	heard, err := m.listen(ctx, lang, speech, grades.Recognizer{SpokenBy: v.Name, Robot: v.Robot, Sound: grades.Clean})
	if err != nil {
		return err
	}
	if len(heard) > 0 {
		row.WERByOther, row.Listener = &heard[0].WER, heard[0].Name
	}
	m.out.Voices = append(m.out.Voices, row)
	if v.Robot {
		return nil
	}
	for i := range speech {
		speech[i].sound = room(speech[i].sound)
	}
	_, err = m.listen(ctx, lang, speech, grades.Recognizer{SpokenBy: v.Name, Sound: grades.Room})
	return err
}

// speak has a voice speak the sentences of a language, by its women and men in turn.
func (m *measuring) speak(ctx context.Context, v Voice, lang inference.Lang) (grades.Voice, []said, error) {
	row := grades.Voice{Name: v.Name, Lang: string(lang), Robot: v.Robot}
	// The first request may load a voice.
	if _, err := v.Engine.Speak(ctx, inference.SpeechRequest{Lang: lang, Text: texts[lang][0]}); err != nil {
		return row, nil, err
	}
	var out []said
	var total, used time.Duration
	var first []time.Duration
	cpu := of(v.Engine, v.CPU)
	for i, text := range texts[lang][:m.Sentences] {
		gender := inference.Female
		if i%2 > 0 {
			gender = inference.Male
		}
		began, start := time.Now(), cpu.read()
		s, err := v.Engine.Speak(ctx, inference.SpeechRequest{Lang: lang, Text: text, Gender: gender})
		if err != nil {
			return row, nil, fmt.Errorf("%q: %w", text, err)
		}
		used += cpu.read() - start
		first = append(first, time.Since(began))
		total += s.Sound.Duration()
		low, err := m.Low(s.Sound)
		if err != nil {
			return row, nil, err
		}
		out = append(out, said{text, padded(low), s.Sound.Duration()})
	}
	if total <= 0 {
		return row, nil, errors.New("all its speech is 0 s long")
	}
	row.SpeechS, row.CPUX, row.FirstMS = round(total.Seconds(), 1), round(used.Seconds()/total.Seconds(), 3), median(first)
	return row, out, nil
}

// listen has all recognizers of a language hear speech, and returns what it
// added to the results; row says how it sounds.
func (m *measuring) listen(ctx context.Context, lang inference.Lang, speech []said, row grades.Recognizer) ([]grades.Recognizer, error) {
	from := len(m.out.Recognizers)
	for _, r := range m.Recognizers {
		if !slices.Contains(r.Engine.Languages(), lang) {
			continue
		}
		what := fmt.Sprintf("%s hears %s by %s, %s", r.Name, lang, row.SpokenBy, row.Sound)
		m.Say(what)
		row, err := m.hear(ctx, r, lang, speech, row)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			m.skip(what, err)
			continue
		}
		m.out.Recognizers = append(m.out.Recognizers, row)
	}
	return m.out.Recognizers[from:], nil
}

// hear has a recognizer hear speech as a live stream, as fast as it can.
func (m *measuring) hear(ctx context.Context, r Recognizer, lang inference.Lang, speech []said, row grades.Recognizer) (grades.Recognizer, error) {
	cpu := of(r.Engine, nil)
	s, err := r.Engine.Open(ctx, inference.Listening{Lang: lang})
	if err != nil {
		return row, err
	}
	defer s.Close()
	var sum score.Errors
	var total, used, at time.Duration
	for _, sentence := range speech {
		start := cpu.read()
		heard, err := transcribe(ctx, s, at, sentence.sound)
		if err != nil {
			return row, err
		}
		used += cpu.read() - start
		at += media.SamplesToTime(len(sentence.sound), lowRate)
		total += sentence.lasts
		e := score.WordErrors(wordsOf(lang, sentence.text), wordsOf(lang, heard))
		if e.Total() > 0 {
			m.Misheard(r.Name, string(lang), sentence.text, heard)
		}
		sum = sum.Add(e)
	}
	if total <= 0 || sum.Said == 0 {
		return row, errors.New("nothing was said")
	}
	row.Name, row.Lang, row.WER, row.Words = r.Name, string(lang), round(sum.Rate(), 3), sum.Said
	row.Substitutions, row.Insertions, row.Deletions = sum.Substitutions, sum.Insertions, sum.Deletions
	row.SpeechS, row.CPUX = round(total.Seconds(), 1), round(used.Seconds()/total.Seconds(), 3)
	return row, nil
}

// transcribe returns the final text of sound that stands at a time of the stream.
func transcribe(ctx context.Context, s inference.RecognizerStream, at time.Duration, pcm []int16) (string, error) {
	var parts []string
	keep := func(phrases []inference.Phrase) {
		for _, p := range phrases {
			if p.Final {
				parts = append(parts, p.Text)
			}
		}
	}
	for i := 0; i < len(pcm); i += chunk {
		phrases, err := s.Write(ctx, media.Samples{
			PTS: at + media.SamplesToTime(i, lowRate), Rate: lowRate, Channels: 1, Data: pcm[i:min(i+chunk, len(pcm))],
		})
		if err != nil {
			return "", err
		}
		keep(phrases)
	}
	phrases, err := s.Flush(ctx)
	keep(phrases)
	return strings.Join(parts, " "), err
}

func quiet(d time.Duration) []int16 { return make([]int16, media.TimeToSamples(d, lowRate)) }

// recordings has all recognizers hear what people said.
func (m *measuring) recordings(ctx context.Context) error {
	by := map[inference.Lang][]said{}
	for _, r := range m.Recordings {
		by[r.Lang] = append(by[r.Lang], said{r.Text, padded(r.Sound), r.Sound.Duration()})
	}
	for _, lang := range slices.Sorted(maps.Keys(by)) {
		if _, err := m.listen(ctx, lang, by[lang], grades.Recognizer{SpokenBy: grades.People, Sound: grades.Clean}); err != nil {
			return err
		}
	}
	return nil
}
