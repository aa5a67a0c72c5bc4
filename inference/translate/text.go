package translate

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
)

// reserved are the characters that mean something in Apertium's stream format
// and are escaped by a backslash in text.
// Source: https://wiki.apertium.org/wiki/Apertium_stream_format
const reserved = `^$/[]{}@<>\`

func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(reserved, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unescape is the inverse of escape. It also drops what the stream format adds
// to text: superblanks ([...]) and, if marks is set, the signs *, # and @ that
// a stage puts before a word it did not know.
func unescape(s string, marks bool) string {
	var b strings.Builder
	blank, wordStart := false, true
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		escaped := r == '\\' && i < len(s)
		if escaped {
			r, n = utf8.DecodeRuneInString(s[i:])
			i += n
		}
		switch {
		case blank:
			blank = escaped || r != ']'
			continue
		case !escaped && r == '[':
			blank = true
			continue
		case !escaped && marks && wordStart && strings.ContainsRune("*#@", r):
			continue
		}
		b.WriteRune(r)
		wordStart = !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return b.String()
}

// clean makes one line of text of anything: no control or format characters,
// no invalid UTF-8, white space collapsed.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// restore gives recognized text, which comes in lower case without
// punctuation, what the translator's grammar was written for: a capital, "I",
// and a final stop. Text that has them already stays as it is.
func restore(l inference.Lang, s string) string {
	if l == "en" {
		words := strings.Split(s, " ")
		for i, w := range words {
			if w == "i" || strings.HasPrefix(w, "i'") || strings.HasPrefix(w, "i’") {
				words[i] = "I" + w[1:]
			}
		}
		s = strings.Join(words, " ")
	}
	return sentence(s)
}

// sentence gives s a capital and a final stop.
func sentence(s string) string {
	for i, r := range s {
		if unicode.IsLetter(r) {
			s = s[:i] + string(unicode.ToTitle(r)) + s[i+utf8.RuneLen(r):]
			break
		} else if unicode.IsDigit(r) {
			break
		}
	}
	if s == "" || ended(s) {
		return s
	}
	return strings.TrimRight(s, " ,;:–—-") + "." // a unit that was cut within its sentence
}

// ended tells whether s ends in the punctuation of a sentence, closing quotes aside.
func ended(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(s, `"'”’»)] `))
	return strings.ContainsRune(".!?…。", r) && r != utf8.RuneError
}
