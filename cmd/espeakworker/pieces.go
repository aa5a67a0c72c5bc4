package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// most is what a piece of text may cost. espeak-ng reads clauses of at most 800
// bytes, 300 words and 1000 phonemes: a longer one is cut within a word, or its
// end is left out.
const most = 700

// cost returns about how many phonemes a character becomes, or bytes where those are more.
func cost(r rune) int {
	switch {
	case unicode.IsSpace(r):
		return 5 // a letter that stands alone is said by its name
	case unicode.IsDigit(r), unicode.IsUpper(r), r < utf8.RuneSelf && !unicode.IsLetter(r):
		return 12 // "hundred", "double u", "percent"
	case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsPunct(r):
		return min(2*utf8.RuneLen(r)-1, 6)
	}
	return 60 // an emoji is said by its name
}

// pieces divides a text behind a clause, else between words, else anywhere, so
// that espeak-ng loses nothing of a piece. Together they are the text.
func pieces(text string) (out []string) {
	var spent, clause, word int // what the piece costs so far; where its last clause and word end
	from, before := 0, rune(0)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.IsSpace(before) && !unicode.IsSpace(r) {
			word = i
			if end := strings.TrimRightFunc(text[from:i], unicode.IsSpace); strings.ContainsRune(",;:.!?\u2026", last(end)) {
				clause = i
			}
		}
		if spent += cost(r); spent > most && i > from {
			end := i
			if clause > from {
				end = clause
			} else if word > from {
				end = word
			}
			out = append(out, text[from:end])
			from, i, spent, before = end, end, 0, 0
			continue
		}
		i, before = i+size, r
	}
	return append(out, text[from:])
}

func last(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}
