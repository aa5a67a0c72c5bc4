package speak

import (
	"errors"
	"strings"
	"testing"

	"livedub/inference"
)

// TestPhonemes: clauses are the text's, whole words each, with stress marked.
func TestPhonemes(t *testing.T) {
	e := open(t, 1)
	for _, c := range []struct {
		accent, text string
		clauses      []string
		ipa          string // in the first
	}{
		{"es", "Buenos días, mi hermano tiene un coche rojo.", []string{"Buenos días, ", "mi hermano tiene un coche rojo."}, "bwˈenos"},
		{"en-us", "Yes, I do; a cat! And then", []string{"Yes, ", "I do; ", "a cat! ", "And then"}, "jˈɛs"},
		{"pt-br", "São Paulo", []string{"São Paulo"}, "ˈ"},
		{"it", "3,5 euro", []string{"3,5 euro"}, "vˈirɡola"},
		{"FR", "bonjour", []string{"bonjour"}, "bɔ̃ʒ"},
		{"fr-fr", "«Bonjour», dit-il.", []string{"«Bonjour», ", "dit-il."}, "bɔ̃ʒ"},
	} {
		got, err := e.Phonemes(t.Context(), c.accent, c.text)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, g := range got {
			texts = append(texts, g.Text)
		}
		if strings.Join(texts, "|") != strings.Join(c.clauses, "|") || !strings.Contains(got[0].IPA, c.ipa) {
			t.Errorf("%s: %q as %q, want %q and %q", c.accent, texts, got[0].IPA, c.clauses, c.ipa)
		}
	}
	if _, err := e.Phonemes(t.Context(), "xx", "a"); !errors.Is(err, inference.ErrUnsupported) {
		t.Errorf("xx: %v", err)
	}
	if _, err := e.Phonemes(t.Context(), "es", strings.Repeat("a", 2001)); err == nil {
		t.Error("text of 2001 characters was taken")
	}
	for _, odd := range []string{"", " ", "\x00", "\xff", "...", "[[tEst]] <b>"} {
		if _, err := e.Phonemes(t.Context(), "es", odd); err != nil {
			t.Errorf("%q: %v", odd, err)
		}
	}
}
