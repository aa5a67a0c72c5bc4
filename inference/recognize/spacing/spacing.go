// Package spacing splits text to words, by the scripts it is written in.
package spacing

import (
	"strings"
	"unicode"
)

// Unspaced tells whether a character is of a script that writes no spaces between words.
func Unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Myanmar, unicode.Khmer)
}

// Word is one of a text, never empty.
type Word struct {
	Text   string
	Joined bool // no space stands before it; true for a text's first
}

// Split returns a text's words in order. A character of a script without spaces
// is a word; marks and punctuation belong to the word before them.
func Split(text string) []Word {
	var out []Word
	var before rune // 0 after a space
	for _, r := range text {
		n := len(out)
		switch {
		case unicode.IsSpace(r):
			before = 0
			continue
		case before == 0:
			out = append(out, Word{Text: string(r), Joined: n == 0})
		case unicode.IsMark(r) || unicode.IsPunct(r) || !Unspaced(r) && !Unspaced(before) || strings.TrimFunc(out[n-1].Text, unicode.IsPunct) == "":
			out[n-1].Text += string(r)
		default:
			out = append(out, Word{Text: string(r), Joined: true})
		}
		if before == 0 || !unicode.IsMark(r) {
			before = r
		}
	}
	return out
}
