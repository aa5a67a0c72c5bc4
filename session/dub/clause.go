package dub

import (
	"strings"
	"time"
	"unicode/utf8"

	"livedub/inference"
)

const (
	// slowVoice is how long a voice works for a phrase from which on its first
	// clause is spoken first, so that it sounds while the next ones are made.
	slowVoice = 400 * time.Millisecond
	// leastClause is the shortest part of a phrase that is spoken alone, in
	// characters: a short one ends before the next is there.
	leastClause = 18
)

// clauses returns the parts that a phrase's text is spoken in: one, where the
// voice is fast.
func (d *Dub) clauses(text string, p inference.Phrase) []string {
	e, ok := d.env.Engines.Synthesizer.(inference.Estimator)
	if !ok || e.Estimate(inference.SpeechRequest{Lang: d.Lang, Text: text, Pitch: p.Pitch}) < slowVoice {
		return []string{text}
	}
	return split(text)
}

// split divides a text behind its punctuation, into parts that are long enough to be spoken alone.
func split(text string) []string {
	var out []string
	from := 0
	for i, r := range text {
		next := i + utf8.RuneLen(r)
		if !strings.ContainsRune(",;:.?!…、。，；：？！", r) || next < len(text) && text[next] != ' ' && r < utf8.RuneSelf {
			continue // as in 3.5
		}
		if utf8.RuneCountInString(text[from:next]) >= leastClause && utf8.RuneCountInString(text[next:]) >= leastClause {
			out, from = append(out, strings.TrimSpace(text[from:next])), next
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}
