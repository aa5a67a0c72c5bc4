package main

import (
	"strings"
	"testing"

	"livedub/inference"
	"livedub/internal/config"
	"livedub/internal/grades"
)

// TestQuality: a pair has the grade that was measured of the engines which work
// for it, and none where they were not measured.
func TestQuality(t *testing.T) {
	light, neural := tier{recognizer: "pocketsphinx", voice: "espeak"}, tier{recognizer: "whisper", weights: "whisper-base", voice: "kokoro"}
	asked := neural
	asked.translate = config.Translate{Engine: "openai", Languages: []string{"en", "es", "ko"}}
	libre, larger, server := neural, neural, neural
	libre.translate.Engine = "libretranslate"
	larger.weights = "whisper-small"
	server.voice, server.spoken = "openai", []string{"pt"}
	piper := neural
	piper.voice = "piper"
	for _, c := range []struct {
		t        tier
		from, to inference.Lang
		engines  grades.Engines
		want     string // how it begins
	}{
		{light, "en", "es", grades.Engines{Recognizer: "pocketsphinx", Translator: "apertium", Voice: "espeak-ng"}, "rough: the recognizer mishears "},
		{neural, "es", "pt", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "kokoro"}, "usable: the translation agrees with a person's by "},
		{neural, "es", "ca", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "espeak-ng"}, "usable: a robot's voice"},
		{neural, "en", "es", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "kokoro"}, "rough: the translation agrees with a person's by "},
		{asked, "en", "es", grades.Engines{Recognizer: "whisper-base", Translator: "openai", Voice: "kokoro"}, "not measured: translation by a server of OpenAI's protocol"},
		{asked, "es", "pt", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "kokoro"}, "usable: the translation agrees with a person's by "},
		{asked, "en", "ko", grades.Engines{Recognizer: "whisper-base", Translator: "openai", Voice: "espeak-ng"}, "not measured: "},
		{libre, "es", "pt", grades.Engines{Recognizer: "whisper-base", Translator: "libretranslate", Voice: "kokoro"}, "not measured: translation by libretranslate"},
		{larger, "es", "pt", grades.Engines{Recognizer: "whisper-small", Translator: "apertium", Voice: "kokoro"}, "not measured: recognition of es by whisper-small"},
		{server, "es", "pt", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "openai"}, "not measured: speech in pt by a server"},
		{piper, "es", "pt", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "piper"}, "not measured: speech in pt by piper"},
		{piper, "es", "fr", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "piper"}, "not measured: "},
		{server, "es", "ca", grades.Engines{Recognizer: "whisper-base", Translator: "apertium", Voice: "espeak-ng"}, "usable: "},
	} {
		p := inference.Pair{From: c.from, To: c.to}
		if got := c.t.engines(p); got != c.engines {
			t.Errorf("%v: by %v, want %v", p, got, c.engines)
		}
		if got := c.t.quality(p); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", p, got, c.want)
		}
	}
}
