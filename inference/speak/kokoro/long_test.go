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
	const once = "mi hermano compró pan y corría por la pampa "
	text := strings.TrimSpace(strings.Repeat(once, 25)) // 1,100 characters
	got, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	inferencetest.Speech(t, got)
	if len(got.Words) != len(strings.Fields(text)) {
		t.Errorf("%d words, want %d", len(got.Words), len(strings.Fields(text)))
	}
	if len(net.runs) < 3 {
		t.Errorf("the net ran %d times", len(net.runs))
	}
	space := float32(k.vocab[' '])
	for i, tokens := range net.runs {
		if last := tokens[len(tokens)-2]; i < len(net.runs)-1 && last != space { // the very last is silence
			t.Errorf("run %d of %d tokens ends within a word, with %v", i, len(tokens), last)
		}
	}
	one, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: strings.TrimSpace(once)})
	if err != nil {
		t.Fatal(err)
	}
	if want := 25 * one.Sound.Duration(); got.Sound.Duration() < want*95/100 || got.Sound.Duration() > want+5*time.Second {
		t.Errorf("it lasts %v, 25 times %v", got.Sound.Duration(), one.Sound.Duration())
	}
	for i, w := range got.Words {
		if w.End <= w.Start {
			t.Errorf("word %d, %q, has no time", i, w.Text)
		}
	}
}
