package inferencetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/inference"
)

// TestSynthesizer checks the contract of inference.Synthesizer. open makes a synthesizer,
// which the suite closes. text is a sentence in lang of a few words.
func TestSynthesizer(t *testing.T, open func(t *testing.T) inference.Synthesizer, lang inference.Lang, text string) {
	sp := open(t)
	speak := func(t *testing.T, r inference.SpeechRequest) inference.Speech {
		t.Helper()
		s, err := sp.Speak(t.Context(), r)
		if err != nil {
			t.Errorf("Speak(%q): %v", r.Text, err)
			return s
		}
		Speech(t, s)
		return s
	}
	plain := inference.SpeechRequest{Lang: lang, Text: text}

	t.Run("languages", func(t *testing.T) {
		langs := sp.Languages()
		if !slices.Contains(langs, lang) {
			t.Errorf("Languages %v lack %s", langs, lang)
		}
		for i, l := range langs {
			if len(l) != 2 || slices.Contains(langs[:i], l) {
				t.Errorf("Languages has %q: want an ISO 639-1 code, once", l)
			}
		}
	})
	t.Run("speaks", func(t *testing.T) {
		s := speak(t, plain)
		if len(s.Words) == 0 {
			t.Error("no words")
		}
		sounding := 0
		for _, m := range s.Marks {
			if m.Viseme != inference.VisemeRest {
				sounding++
			}
		}
		if sounding < len(s.Words) {
			t.Errorf("%d sounding marks for %d words", sounding, len(s.Words))
		}
	})
	t.Run("fit", func(t *testing.T) {
		natural := speak(t, plain).Sound.Duration()
		if natural == 0 {
			t.Fatal("no sound")
		}
		// A tenth slower to a third faster must come out; beyond, the nearest that the range allows.
		for _, rate := range []float64{.5, .95, 1.1, 1.25, 3} {
			s := speak(t, inference.SpeechRequest{Lang: lang, Text: text, Fit: time.Duration(float64(natural) / rate)})
			want := natural.Seconds() / min(1.35, max(.9, rate))
			if off := s.Sound.Duration().Seconds()/want - 1; off < -.03 || off > .03 {
				t.Errorf("at %.2f times the natural speed it lasts %v, want %.2f s", rate, s.Sound.Duration(), want)
			}
		}
	})
	t.Run("voice", func(t *testing.T) {
		for _, g := range []inference.Gender{inference.Male, inference.Female} {
			for _, hz := range []float64{-1, 1, 110, 210, 1e9} {
				speak(t, inference.SpeechRequest{Lang: lang, Text: text, Gender: g, Pitch: inference.Pitch{Median: hz}})
			}
		}
	})
	t.Run("unknown language", func(t *testing.T) {
		_, err := sp.Speak(t.Context(), inference.SpeechRequest{Lang: "xx", Text: text})
		if !errors.Is(err, inference.ErrUnsupported) || !strings.Contains(err.Error(), string(lang)) {
			t.Errorf("Speak(xx) = %v, want ErrUnsupported and what there is", err)
		}
	})
	t.Run("odd text", func(t *testing.T) {
		for _, odd := range []string{"", " ", "\x00", "\xff\xfe", "...", "😀", strings.Repeat("a", 1<<20)} {
			if _, err := sp.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: odd}); !errors.Is(err, inference.ErrRefused) {
				t.Errorf("Speak(%.10q): %v, want ErrRefused", odd, err)
			}
		}
		speak(t, inference.SpeechRequest{Lang: lang, Text: "<b>" + text + "[[x]]\x00"})
	})
	t.Run("concurrent", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { speak(t, plain) })
		}
		wg.Wait()
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sp.Speak(ctx, plain); !errors.Is(err, context.Canceled) {
			t.Errorf("Speak after cancel = %v, want context.Canceled", err)
		}
		speak(t, plain)
	})
	t.Run("closed", func(t *testing.T) {
		for range 2 {
			if err := sp.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if _, err := sp.Speak(t.Context(), plain); err == nil {
			t.Error("Speak after Close succeeded")
		}
	})
}

// Speech holds one speech to what the type promises.
func Speech(t *testing.T, s inference.Speech) {
	t.Helper()
	if s.Sound.PTS != 0 || s.Sound.Channels != 1 || s.Sound.Rate < 8000 || s.Sound.Duration() == 0 {
		t.Errorf("sound: at %v, %d channels, %d Hz, %v long", s.Sound.PTS, s.Sound.Channels, s.Sound.Rate, s.Sound.Duration())
	}
	if s.Rate < .9 || s.Rate > 1.35 {
		t.Errorf("rate %.3f, want .9 to 1.35", s.Rate)
	}
	if s.Voice == "" {
		t.Error("the voice has no name")
	}
	loud := false
	for _, v := range s.Sound.Data {
		loud = loud || v > 1000
	}
	if !loud {
		t.Error("the sound is silent")
	}
	at := time.Duration(0)
	for i, m := range s.Marks {
		if m.At != at || m.Dur <= 0 {
			t.Errorf("mark %d %q at %v for %v, want it at %v", i, m.IPA, m.At, m.Dur, at)
		}
		at = m.At + m.Dur
	}
	if at != s.Sound.Duration() {
		t.Errorf("%d marks end at %v, the sound at %v", len(s.Marks), at, s.Sound.Duration())
	}
	at = 0
	for _, w := range s.Words {
		if w.Text == "" || w.Start < at || w.End < w.Start || w.End > s.Sound.Duration() {
			t.Errorf("word %q from %v to %v, in a sound of %v", w.Text, w.Start, w.End, s.Sound.Duration())
		}
		at = w.Start
	}
}
