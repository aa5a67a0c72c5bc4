package main

import (
	"slices"

	"livedub/inference"
	"livedub/internal/grades"
)

// naturalVoices are the languages that Kokoro speaks.
var naturalVoices = []inference.Lang{"en", "es", "fr", "it", "pt", "hi"}

// quality says for people what a pair amounts to with the tier's engines: the
// measured grade of its weakest part, and why.
func (t tier) quality(p inference.Pair) string {
	grade, why := grades.Measured().Grade(string(p.From), string(p.To), t.engines(p))
	return grade + ": " + why
}

// engines returns who works for a pair, by the names that measurements have.
func (t tier) engines(p inference.Pair) grades.Engines {
	e := grades.Engines{Recognizer: t.recognizer, Translator: "apertium", Voice: "espeak-ng"}
	if t.recognizer == "whisper" {
		e.Recognizer = t.weights
	}
	asked := slices.Contains(t.translate.Languages, string(p.From)) && slices.Contains(t.translate.Languages, string(p.To))
	if t.translate.Engine == "libretranslate" || t.translate.Engine == "openai" && asked || t.translate.Engine == "fake" {
		e.Translator = t.translate.Engine
	}
	switch {
	case t.voice == "kokoro" && slices.Contains(naturalVoices, p.To), t.voice == "openai" && slices.Contains(t.spoken, string(p.To)), t.voice == "fake", t.voice == "piper":
		e.Voice = t.voice
	}
	return e
}
