package kokoro

import (
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/speak"
	"livedub/media/codec"
)

// TestLongClause: text without punctuation that neither espeak-ng nor the net
// takes as a whole is spoken whole, and no part of it ends within a word.
func TestLongClause(t *testing.T) {
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	net := &toneNet{}
	k, err := New(Config{Dir: folder(t, "ef_dora"), Net: net, Phonemes: e, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	space := float32(k.vocab[' '])
	for once, times := range map[string]int{
		"mi hermano compró pan y corría por la pampa ": 25, // 1,100 characters: more than a clause of espeak-ng's
		"x w k ": 40, // more symbols than a run of the net's, of one clause
	} {
		net.runs = nil
		text := strings.TrimSpace(strings.Repeat(once, times))
		got, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: text})
		if err != nil {
			t.Fatal(err)
		}
		inferencetest.Speech(t, got)
		if len(got.Words) != len(strings.Fields(text)) {
			t.Errorf("%q: %d words, want %d", once, len(got.Words), len(strings.Fields(text)))
		}
		if len(net.runs) < 2 {
			t.Errorf("%q: the net ran %d times", once, len(net.runs))
		}
		for i, tokens := range net.runs {
			if last := tokens[len(tokens)-2]; i < len(net.runs)-1 && last != space { // the very last is silence
				t.Errorf("%q: run %d, of %d tokens, ends within a word, with %v", once, i, len(tokens), last)
			}
		}
		one, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: strings.TrimSpace(once)})
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Duration(times) * one.Sound.Duration(); got.Sound.Duration() < want*9/10 || got.Sound.Duration() > want*11/10+5*time.Second {
			t.Errorf("%q: it lasts %v, %d times %v", once, got.Sound.Duration(), times, one.Sound.Duration())
		}
		for i, w := range got.Words {
			if w.End <= w.Start {
				t.Errorf("%q: word %d, %q, has no time", once, i, w.Text)
			}
		}
	}
}
