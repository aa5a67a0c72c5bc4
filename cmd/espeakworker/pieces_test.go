package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPieces(t *testing.T) {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":         {"", []string{""}},
		"a sentence":      {"Buenos días.", []string{"Buenos días."}},
		"between words":   {many("hermano ", 80), []string{many("hermano ", 58), many("hermano ", 22)}},
		"behind a clause": {"Sí, claro. " + many("hermano ", 70), []string{"Sí, claro. ", many("hermano ", 58), many("hermano ", 12)}},
		"numbers":         {many("999999 ", 10), []string{many("999999 ", 9), many("999999 ", 1)}},
		"no words":        {many("a", 1300), []string{many("a", 700), many("a", 600)}},
	} {
		if got := pieces(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// FuzzPieces: pieces are the text, none is empty or ends within a letter, and each fits.
func FuzzPieces(f *testing.F) {
	f.Add("Buenos días, mi hermano. " + strings.Repeat("ñandú 😀 99 ", 100))
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		all := pieces(text)
		if strings.Join(all, "") != text {
			t.Fatalf("%q became %q", text, all)
		}
		for _, p := range all {
			spent := 0
			for _, r := range p {
				spent += cost(r)
			}
			if p == "" && text != "" || !utf8.ValidString(p) || spent > most || len(p) > 800 {
				t.Fatalf("a piece %q that costs %d", p, spent)
			}
		}
	})
}
