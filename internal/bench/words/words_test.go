package words

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/internal/grades"
	"livedub/media"
)

// script is a recognizer that hears one sentence after the other, whatever is said.
type script struct {
	lang  inference.Lang
	texts []string
	fail  error
	burn  bool // a second of CPU, as a worker's
	used  time.Duration
}

func (s *script) Languages() []inference.Lang { return []inference.Lang{s.lang} }
func (s *script) Close() error                { return nil }
func (s *script) CPU() time.Duration          { return s.used }
func (s *script) Open(context.Context, inference.Listening) (inference.RecognizerStream, error) {
	return &scriptStream{s: s}, s.fail
}

type scriptStream struct {
	inference.RecognizerStream
	s  *script
	n  int
	at time.Duration
}

func (s *scriptStream) Write(_ context.Context, in media.Samples) ([]inference.Phrase, error) {
	if in.Rate != lowRate || in.Channels != 1 || in.PTS < s.at || len(in.Data) == 0 {
		return nil, errors.New("sound out of order")
	}
	s.at = in.PTS
	return []inference.Phrase{{Text: "a guess"}}, nil
}

func (s *scriptStream) Flush(context.Context) ([]inference.Phrase, error) {
	s.n++
	if s.s.burn {
		s.s.used += time.Second
	}
	return []inference.Phrase{{Text: s.s.texts[(s.n-1)%len(s.s.texts)], Final: true}}, nil
}

func (s *scriptStream) Close() error { return nil }

// echo is a translator that knows the sentences by heart, but for one.
type echo struct{ fake.Translator }

func (e *echo) Pairs() []inference.Pair {
	return []inference.Pair{{From: "en", To: "es"}, {From: "es", To: "ca"}, {From: "en", To: "de"}}
}

func (e *echo) Translate(_ context.Context, r inference.TranslationRequest) (string, error) {
	if r.Pair.From == "es" && r.Text == texts["es"][1] {
		return "", errors.New("no word for it")
	}
	return texts[r.Pair.To][slices.Index(texts[r.Pair.From], r.Text)], nil
}

func quietly(c Config) Config {
	c.Say, c.Misheard = func(string) {}, func(string, string, string, string) {}
	c.Low = func(s media.Samples) (media.Samples, error) { return s, nil }
	return c
}

func TestMeasure(t *testing.T) {
	first := texts["es"][:2]
	bad := &script{lang: "es", texts: []string{"Buenas noches, ¿cómo has dormido?", first[1]}, burn: true}
	var misheard []string
	c := quietly(Config{
		Translators: []Translator{{"heart", &echo{}}, {"words", &fake.Translator{}}},
		Recognizers: []Recognizer{
			{"perfect", &script{lang: "es", texts: first}}, {"slips", bad}, {"broken", &script{lang: "es", fail: errors.New("no room")}},
		},
		Voices:     []Voice{{Name: "natural", Engine: &fake.Synthesizer{}}, {Name: "tin", Robot: true, Engine: &fake.Synthesizer{}}},
		Recordings: []Recording{{Lang: "es", Text: first[0], Sound: media.Samples{Rate: lowRate, Channels: 1, Data: make([]int16, lowRate)}}},
		Sentences:  2,
	})
	c.Misheard = func(by, lang, said, heard string) {
		misheard = append(misheard, strings.Join([]string{by, lang, said, heard}, "|"))
	}
	r, err := Measure(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Pairs) != 3 || r.Pairs[0].ChrF != 100 || r.Pairs[0].Engines != (grades.Engines{Recognizer: "", Translator: "heart", Voice: "natural"}) {
		t.Errorf("%+v", r.Pairs)
	}
	if p := r.Pairs[1]; p.Engines.Translator != "words" || p.ChrF < 5 || p.ChrF > 50 || p.ChrFLow > p.ChrF || p.ChrFHigh < p.ChrF || p.ChrFLow == p.ChrFHigh || p.Grade != grades.Rough || p.Why == "" {
		t.Errorf("%+v", p)
	}
	wrong := round(2./11, 3) // of the words of two sentences
	for _, want := range []grades.Recognizer{
		{Name: "perfect", SpokenBy: "natural", Sound: grades.Clean, Words: 11},
		{Name: "slips", SpokenBy: "natural", Sound: grades.Clean, Words: 11, WER: wrong, Substitutions: 2},
		{Name: "slips", SpokenBy: "natural", Sound: grades.Room, Words: 11, WER: wrong, Substitutions: 2},
		{Name: "slips", SpokenBy: "tin", Robot: true, Sound: grades.Clean, Words: 11, WER: wrong, Substitutions: 2},
		{Name: "slips", SpokenBy: grades.People, Sound: grades.Clean, Words: 5, WER: .4, Substitutions: 2},
	} {
		want.Lang = "es"
		if !slices.ContainsFunc(r.Recognizers, func(got grades.Recognizer) bool {
			if want.Name == "slips" && got.CPUX < .1 || got.SpeechS <= 0 {
				return false // what its worker used
			}
			got.CPUX, got.SpeechS = 0, 0
			return got == want
		}) {
			t.Errorf("%+v is not among %+v", want, r.Recognizers)
		}
	}
	if n := len(r.Recognizers); n != 2+2+2+2 {
		t.Errorf("%d times heard", n)
	}
	if len(r.Voices) != 4 { // Catalan too, which nobody hears
		t.Fatalf("%+v", r.Voices)
	}
	for _, v := range r.Voices {
		if (v.Lang == "es") != (v.WERByOther != nil && *v.WERByOther == 0 && v.Listener == "perfect") || v.SpeechS <= 0 || v.Robot != (v.Name == "tin") {
			t.Errorf("%+v", v)
		}
	}
	var skipped []string
	for _, s := range r.Skipped {
		skipped = append(skipped, s.What+": "+s.Why)
	}
	all := strings.Join(skipped, "\n")
	if !strings.Contains(all, "es->ca by heart") || !strings.Contains(all, "no word for it") || strings.Count(all, "no room") != 4 {
		t.Errorf("skipped: %s", all)
	}
	if len(misheard) != 4 || !strings.Contains(misheard[0], "slips|es|"+first[0]+"|Buenas noches") {
		t.Errorf("misheard: %q", misheard)
	}
}

// TestPairs: of wanted pairs alone is anything measured, and a missing one is told.
func TestPairs(t *testing.T) {
	c := quietly(Config{
		Translators: []Translator{{"heart", &echo{}}}, Voices: []Voice{{Name: "natural", Engine: &fake.Synthesizer{}}},
		Pairs: []inference.Pair{{From: "en", To: "es"}, {From: "it", To: "fr"}},
	})
	r, err := Measure(t.Context(), c)
	if err != nil || len(r.Pairs) != 1 || r.Sentences != 40 || len(r.Voices) != 1 || len(r.Skipped) != 1 || r.Skipped[0].What != "it->fr" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Measure(t.Context(), quietly(Config{})); err == nil {
		t.Error("nothing to measure, and no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
