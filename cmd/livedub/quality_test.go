package main

import (
	"testing"

	"livedub/inference"
	"livedub/internal/config"
)

// TestQuality: a pair is as good as its weakest part.
func TestQuality(t *testing.T) {
	light, neural := tier{recognizer: "pocketsphinx", voice: "espeak"}, tier{recognizer: "whisper", voice: "kokoro"}
	model := neural
	model.translate = config.Translate{Engine: "openai", Languages: []string{"en", "es", "ko"}}
	for _, c := range []struct {
		t        tier
		from, to inference.Lang
		want     string
	}{
		{light, "en", "es", "rough: recognition of clear speech, rule-based translation with many slips, a robot's voice"},
		{neural, "es", "pt", "good: neural recognition, rule-based translation between close languages, a natural voice"},
		{neural, "es", "ca", "usable: neural recognition, rule-based translation between close languages, a robot's voice"},
		{neural, "es", "en", "usable: neural recognition, rule-based translation, a natural voice"},
		{model, "en", "es", "usable: neural recognition, translation by a language model, a natural voice"},
		{model, "es", "pt", "good: neural recognition, rule-based translation between close languages, a natural voice"},
		{model, "en", "ko", "usable: neural recognition, translation by a language model, a robot's voice"},
		{neural, "en", "es", "rough: neural recognition, rule-based translation with many slips, a natural voice"},
	} {
		if got := c.t.quality(inference.Pair{From: c.from, To: c.to}); got != c.want {
			t.Errorf("%s->%s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}
