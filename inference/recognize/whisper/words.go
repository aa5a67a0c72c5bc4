package whisper

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unspaced are languages that write no spaces between words: a character is a word there.
var unspaced = map[string]bool{"zh": true, "ja": true, "th": true, "lo": true, "my": true, "yue": true}

// Punctuation that belongs to the word before it, and to the one behind.
const (
	closing = `"'.。,，!！?？:：;”)]}、…-`
	opening = `"'“¿¡([{-«`
)

// words puts the new tokens together to words. A character may be spread over
// tokens: those with a part of it stay together. What is no text in the end is
// left out.
func (m *Model) words(lang string, prefix []int, text []token) []Word {
	var words []Word
	var held []token // with the beginning of a character
	var bytes []byte
	for i, t := range text {
		held, bytes = append(held, t), append(bytes, m.tokens[t.id]...)
		if !utf8.Valid(bytes) && i+1 < len(text) && incomplete(bytes) {
			continue
		}
		piece := strings.ToValidUTF8(string(bytes), "")
		ids, p := make([]int, len(held)), 0.0
		for k, h := range held {
			ids[k] = h.id
			p += math.Exp(h.logP)
		}
		w := Word{Text: piece, Tokens: ids, Confidence: p / float64(len(held)), Joined: !strings.HasPrefix(piece, " ")}
		held, bytes = nil, nil
		if n := len(words); n > 0 && w.belongs(&words[n-1], unspaced[lang]) {
			words[n-1].take(w)
		} else {
			words = append(words, w)
		}
	}
	letters := false
	for i := range words {
		w := &words[i]
		w.Text = strings.TrimSpace(w.Text)
		letters = letters || strings.IndexFunc(w.Text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) >= 0
	}
	if len(prefix) == 0 {
		if !letters { // dots are what there is to say of silence
			return nil
		}
		words[0].Joined = true
	}
	return words
}

// incomplete tells whether text ends within a character.
func incomplete(text []byte) bool {
	for n := 1; n <= min(utf8.UTFMax-1, len(text)); n++ {
		if c := text[len(text)-n]; utf8.RuneStart(c) {
			return !utf8.FullRune(text[len(text)-n:])
		}
	}
	return false
}

// belongs tells whether w goes on with the word before it.
func (w *Word) belongs(before *Word, unspaced bool) bool {
	text := strings.TrimSpace(w.Text)
	last := strings.TrimSpace(before.Text)
	switch {
	case text == "":
		return true
	case only(last, opening) && !only(text, closing) || last == "":
		return true
	case only(text, closing):
		return w.Joined
	}
	return w.Joined && !unspaced
}

// take puts more behind the word.
func (w *Word) take(more Word) {
	n, k := float64(len(w.Tokens)), float64(len(more.Tokens))
	w.Confidence = (w.Confidence*n + more.Confidence*k) / (n + k)
	w.Text += more.Text
	w.Tokens = append(w.Tokens, more.Tokens...)
}

func only(text, of string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(of, r) }) < 0
}

// joined returns the text of words.
func joined(words []Word) string {
	var b strings.Builder
	for _, w := range words {
		if !w.Joined && b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}
