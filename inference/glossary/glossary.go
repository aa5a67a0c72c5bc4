// Package glossary finds the words of a text that a user has named a
// translation for, and carries them through translators that take no glossary.
package glossary

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
)

// Match is a place in a text, in bytes, where a term stands.
type Match struct {
	Start, End int
	Term       inference.Term
}

// Find returns where terms stand in a text, in order: whole words whatever their
// case, the longest term where several do. Other forms of a word are other words.
// Of terms with the same From the first counts; terms with an empty side do not.
func Find(text string, terms []inference.Term) []Match {
	terms = slices.Clone(terms)
	slices.SortStableFunc(terms, func(x, y inference.Term) int {
		return cmp.Compare(utf8.RuneCountInString(y.From), utf8.RuneCountInString(x.From))
	})
	var out []Match
	before := rune(0)
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		if next, ok := match(text, at, before, terms); ok {
			out = append(out, next)
			before, _ = utf8.DecodeLastRuneInString(text[at:next.End])
			at = next.End
			continue
		}
		at, before = at+n, r
	}
	return out
}

// match returns the longest of terms, which are sorted, that stands at a place of
// a text; before is the rune before it.
func match(text string, at int, before rune, terms []inference.Term) (Match, bool) {
	for _, t := range terms {
		if t.From == "" || t.To == "" {
			continue
		}
		end := at
		for range utf8.RuneCountInString(t.From) {
			_, n := utf8.DecodeRuneInString(text[end:])
			end += n
		}
		if !strings.EqualFold(text[at:end], t.From) {
			continue
		}
		first, _ := utf8.DecodeRuneInString(text[at:])
		last, _ := utf8.DecodeLastRuneInString(text[at:end])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if end == len(text) {
			after = 0
		}
		particle := unicode.Is(unicode.Hangul, last) && end-at > utf8.RuneLen(last) // Korean has them after its words
		if goesOn(before, first) || goesOn(last, after) && !particle {
			continue
		}
		return Match{Start: at, End: end, Term: t}, true
	}
	return Match{}, false
}

// goesOn tells whether a word that has x before y goes on from the one to the other.
func goesOn(x, y rune) bool { return inWord(x) && inWord(y) }

// inWord tells whether a rune is part of a word, in writing that separates words.
func inWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) &&
		!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// Missing returns the terms of a text that its translation lacks.
func Missing(text string, terms []inference.Term, translation string) []inference.Term {
	var out []inference.Term
	for _, m := range Find(text, terms) {
		if !strings.Contains(strings.ToLower(translation), strings.ToLower(m.Term.To)) && !slices.Contains(out, m.Term) {
			out = append(out, m.Term)
		}
	}
	return out
}

// Carry has translate do the text of r for an engine that takes no glossary:
// each term is an unknown word to it, a stand-in, and becomes what the user wants
// afterwards. Where stand-ins do not come back whole, the text is translated once
// more without these, and at last as it is: the phrase counts for more than its
// terms (see Missing).
func Carry(ctx context.Context, r inference.TranslationRequest, translate func(ctx context.Context, text string) (string, error)) (string, error) {
	found := Find(r.Text, r.Glossary)
	stem := free(r.Text)
	if len(found) > most || stem == "" {
		found = nil
	}
	for try := 0; len(found) > 0 && try < 2; try++ {
		out, err := translate(ctx, hide(r.Text, stem, found))
		if err != nil {
			return "", err
		}
		out, whole := reveal(out, stem, found)
		if len(whole) == len(found) {
			return out, nil
		}
		found = whole
	}
	return translate(ctx, r.Text)
}

// hide puts stand-ins in the place of terms.
func hide(text, stem string, found []Match) string {
	var out strings.Builder
	at := 0
	for i, m := range found {
		out.WriteString(text[at:m.Start])
		first, _ := utf8.DecodeRuneInString(text[m.Start:])
		out.WriteString(standIn(stem, i, unicode.IsUpper(first)))
		at = m.End
	}
	return out.String() + text[at:]
}

// Stand-ins are a stem and two letters that count: no language has words without
// a vowel that begin like this, so that engines take them for names.
const (
	counting = "bcdfghjklmnprstv"
	most     = len(counting) * len(counting)
)

var stems = []string{"zqx", "xqz", "qzx"}

// free returns a stem that a text has nothing of; "" if it has all.
func free(text string) string {
	text = strings.ToLower(text)
	for _, s := range stems {
		if !strings.Contains(text, s) {
			return s
		}
	}
	return ""
}

func standIn(stem string, i int, capital bool) string {
	s := stem + counting[i/len(counting):][:1] + counting[i%len(counting):][:1]
	if capital {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// reveal puts the terms in the place of their stand-ins, and returns those whose
// stand-in is there once, as a word by itself.
func reveal(text, stem string, found []Match) (string, []Match) {
	var hidden []inference.Term
	for i, m := range found {
		hidden = append(hidden, inference.Term{From: standIn(stem, i, false), To: m.Term.To})
	}
	lower := strings.ToLower(text)
	back := Find(text, hidden)
	var whole []Match
	for i, m := range found {
		h := hidden[i]
		if strings.Count(lower, h.From) == 1 && slices.ContainsFunc(back, func(b Match) bool { return b.Term == h }) {
			whole = append(whole, m)
		}
	}
	if strings.Count(lower, stem) != len(found) && len(whole) == len(found) { // one was made up
		whole = nil
	}
	var out strings.Builder
	at := 0
	for _, m := range back {
		out.WriteString(text[at:m.Start])
		to := m.Term.To
		if kept := slices.ContainsFunc(found, func(f Match) bool { return f.Term.To == to && f.Term.From == to }); !kept && opens(text[:m.Start]) {
			to = capital(to)
		}
		out.WriteString(to)
		at = m.End
	}
	return out.String() + text[at:], whole
}

// opens tells whether what comes after s is the first word of a text.
func opens(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToTitle(r)) + s[n:]
}
