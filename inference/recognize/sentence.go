package recognize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
	"livedub/inference/recognize/spacing"
)

// sentence puts words together to a text: with spaces, but none where a script writes none.
func sentence(words []inference.Word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !touch(words[i-1].Text, w.Text) {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// touch tells whether no space stands between two words, by their script.
func touch(a, b string) bool {
	bare := func(r rune) bool { return unicode.IsPunct(r) || unicode.IsMark(r) }
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(a, bare))
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(b, bare))
	return spacing.Unspaced(last) && spacing.Unspaced(first)
}
