package main

import (
	"slices"
	"strings"

	"livedub/inference"
)

// grades, the best first.
var grades = []string{"good", "usable", "rough"}

// translations grades Apertium's pairs by sentences that were read beside their
// sources, not by a measure; those that are not here are rough.
var translations = map[inference.Pair]string{
	{From: "es", To: "pt"}: "good", {From: "es", To: "ca"}: "good", {From: "es", To: "gl"}: "good", {From: "es", To: "it"}: "good", {From: "es", To: "fr"}: "good",
	{From: "pt", To: "es"}: "good", {From: "ca", To: "es"}: "good", {From: "fr", To: "es"}: "good", {From: "it", To: "es"}: "good", {From: "gl", To: "es"}: "good",
	{From: "es", To: "en"}: "usable",
}

// naturalVoices are the languages that Kokoro speaks.
var naturalVoices = []inference.Lang{"en", "es", "fr", "it", "pt", "hi"}

// neuralRecognizers hear natural speech.
var neuralRecognizers = []string{"whisper", "openai", "openai-realtime", "transducer"}

// quality says for people what a pair amounts to with the tier's engines: the
// grade of its weakest part, and what each part is.
func (t tier) quality(p inference.Pair) string {
	worst := 0
	var parts []string
	add := func(grade, what string) {
		worst = max(worst, slices.Index(grades, grade))
		parts = append(parts, what)
	}
	if slices.Contains(neuralRecognizers, t.recognizer) {
		add("good", "neural recognition")
	} else {
		add("rough", "recognition of clear speech")
	}
	asked := slices.Contains(t.translate.Languages, string(p.From)) && slices.Contains(t.translate.Languages, string(p.To))
	switch g := translations[p]; {
	case t.translate.Engine == "openai" && asked:
		add("usable", "translation by a language model")
	case t.translate.Engine == "libretranslate":
		add("usable", "translation by LibreTranslate")
	case g == "good":
		add(g, "rule-based translation between close languages")
	case g == "usable":
		add(g, "rule-based translation")
	default:
		add("rough", "rule-based translation with many slips")
	}
	if t.voice == "kokoro" && slices.Contains(naturalVoices, p.To) || t.voice == "openai" && slices.Contains(t.spoken, string(p.To)) {
		add("good", "a natural voice")
	} else {
		add("usable", "a robot's voice")
	}
	return grades[worst] + ": " + strings.Join(parts, ", ")
}
