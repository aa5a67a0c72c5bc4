package spoken

import (
	"strings"
	"testing"
)

// TestCut: parts end behind a pause, hold what there was, and are never too long.
func TestCut(t *testing.T) {
	symbols := func(text string) (out []Symbol) {
		for _, r := range text {
			s := Symbol{Rune: r}
			if r == ' ' {
				s.Kind = Pause
			}
			out = append(out, s)
		}
		return out
	}
	for text, want := range map[string]string{
		"":                 "",
		"mi casa":          "mi casa",
		"mi casa es roja ": "mi casa |es roja ",
		"abcdefghijklmno":  "abcdefghij|klmno",
		"mi abcdefghijkl":  "mi |abcdefghij|kl",
		"abcdefghi jkl":    "abcdefghi |jkl",
	} {
		var got []string
		for _, part := range Cut(symbols(text), 10) {
			var b strings.Builder
			for _, s := range part {
				b.WriteRune(s.Rune)
			}
			got = append(got, b.String())
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q became %q, want %q", text, s, want)
		}
	}
}
