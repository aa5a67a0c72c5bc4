package speak

import (
	"strings"
	"testing"

	"livedub/inference"
)

// long is text without punctuation that is longer than a clause of espeak-ng's may
// be, by letters, words, phonemes of numbers, of initials and of emoji.
var long = map[string]string{
	"words":    strings.TrimSpace(strings.Repeat("mi hermano compró pan y corría por la pampa ", 40)),
	"names":    strings.TrimSpace(strings.Repeat("x w ", 200)),
	"letters":  strings.TrimSpace(strings.Repeat("a ", 900)),
	"numbers":  strings.TrimSpace(strings.Repeat("999999 ", 60)),
	"initials": strings.TrimSpace(strings.Repeat("BBC ", 300)),
	"emoji":    strings.TrimSpace(strings.Repeat("sol 😀 ", 100)),
	"a word":   strings.Repeat("abcdefghi", 100),
}

// TestLongClausePhonemes: text that espeak-ng cannot take as one clause is cut
// between words, and each of its words is pronounced as it is alone.
func TestLongClausePhonemes(t *testing.T) {
	e := open(t, 1)
	for name, text := range long {
		got, err := e.Phonemes(t.Context(), "es", text)
		if err != nil {
			t.Fatal(err)
		}
		var whole strings.Builder
		ipa := 0
		for i, c := range got {
			whole.WriteString(c.Text)
			ipa += len(strings.Fields(c.IPA))
			if i > 0 && name != "a word" && !strings.HasSuffix(got[i-1].Text, " ") {
				t.Errorf("%s: cut to %q and %q", name, got[i-1].Text, c.Text)
			}
		}
		if whole.String() != text || len(got) < 2 {
			t.Errorf("%s: %d clauses of %d characters became %q", name, len(got), len(text), whole.String())
		}
		if name == "a word" {
			continue
		}
		unit := strings.Join(strings.Fields(text)[:len(strings.Fields(text))/10], " ")
		part, err := e.Phonemes(t.Context(), "es", unit)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, c := range part {
			want += 10 * len(strings.Fields(c.IPA))
		}
		if ipa < want*98/100 || ipa > want*102/100 { // words in a row are joined here and there
			t.Errorf("%s: %d words in IPA, want about %d", name, ipa, want)
		}
	}
}

// TestLongClauseSpeech: no word of such text is lost when it is spoken, and each has its time.
func TestLongClauseSpeech(t *testing.T) {
	e := open(t, 1)
	for name, text := range long {
		s := must(t, e, inference.SpeechRequest{Lang: "es", Text: text})
		words := strings.Fields(text)
		part := must(t, e, inference.SpeechRequest{Lang: "es", Text: strings.Join(words[:max(1, len(words)/10)], " ")})
		if want := 10 * part.Sound.Duration(); len(words) > 1 && (s.Sound.Duration() < want*85/100 || s.Sound.Duration() > want*115/100) {
			t.Errorf("%s: lasts %v, want about %v", name, s.Sound.Duration(), want)
		}
		if len(s.Words) < len(words)*9/10 {
			t.Errorf("%s: %d words, want %d", name, len(s.Words), len(words))
		}
		for i, w := range s.Words {
			if i > 0 && w.Start < s.Words[i-1].Start || w.End > s.Sound.Duration() {
				t.Fatalf("%s: word %d, %q, at %v to %v behind %v", name, i, w.Text, w.Start, w.End, s.Words[i-1].Start)
			}
		}
		if last := s.Words[len(s.Words)-1]; last.End < s.Sound.Duration()*9/10 {
			t.Errorf("%s: the last word ends at %v of %v", name, last.End, s.Sound.Duration())
		}
	}
}
