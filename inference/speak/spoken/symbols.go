// Package spoken makes an inference.Speech out of what a voice gives: the symbols
// of a text, sound in which each of them has its time, and the length it should last.
package spoken

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
)

// MaxText is how many characters a text may have.
const MaxText = 2000

// Check returns inference.ErrRefused for a text that cannot be spoken. One that can has letters or digits, and at most MaxText characters.
func Check(text string) error {
	if n := utf8.RuneCountInString(text); n > MaxText {
		return fmt.Errorf("%w: text of %d characters; split it at %d", inference.ErrRefused, n, MaxText)
	}
	if strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return fmt.Errorf("%w: nothing to speak; send words", inference.ErrRefused)
	}
	return nil
}

// Kind is what a symbol is to the sound.
type Kind uint8

const (
	Phoneme Kind = iota
	Stress       // belongs to the phoneme after it
	Length       // and nasality and the like: to the phoneme before it
	Pause        // space and punctuation
)

// Symbol is one symbol to be spoken, and what it stands for.
type Symbol struct {
	Rune rune
	Kind Kind
	IPA  string // of a phoneme
	Word int    // index of the word it belongs to; -1 for a pause
}

// Punctuation is what voices phrase by.
const Punctuation = ";:,.!?—…"

// Alphabet is the symbols that a voice knows.
type Alphabet struct {
	Has   func(r rune) bool
	Spell func(ipa string) string // writes a word of IPA in the voice's symbols
	IPA   map[rune]string         // of symbols that are no IPA
}

// Symbols returns those of each clause, the words that the clauses say, and how
// many symbols the voice lacks: they are left out.
func (a Alphabet) Symbols(clauses []inference.Clause) (out [][]Symbol, words []string, lacking int) {
	for _, c := range clauses {
		of := wordsOf(c)
		s, n := a.clause(c, len(words), len(of))
		out, words, lacking = append(out, s), append(words, of...), lacking+n
	}
	return out, words, lacking
}

// clause makes the symbols of one clause of so many words, which count from word on.
func (a Alphabet) clause(c inference.Clause, word, words int) (s []Symbol, lacking int) {
	pause := func(r rune) {
		if a.Has(r) {
			s = append(s, Symbol{Rune: r, Kind: Pause, Word: -1})
		}
	}
	groups := strings.Fields(dropMarks(c.IPA)) // words, as a rule
	for i, g := range groups {
		at := word + min(i*words/len(groups), max(words-1, 0))
		if len(s) > 0 {
			pause(' ')
		}
		for _, r := range a.Spell(g) {
			switch {
			case !a.Has(r):
				lacking++
			case r == 'ˈ' || r == 'ˌ':
				s = append(s, Symbol{Rune: r, Kind: Stress, Word: at})
			case unicode.IsLetter(r) && !unicode.Is(unicode.Lm, r):
				s = append(s, Symbol{Rune: r, IPA: a.ipaOf(r), Word: at})
			default:
				s = append(s, Symbol{Rune: r, Kind: Length, Word: at})
			}
		}
	}
	if !slices.ContainsFunc(s, func(s Symbol) bool { return s.Kind == Phoneme }) {
		return nil, lacking
	}
	if r := Ending(c.Text); r != 0 {
		pause(r)
	}
	pause(' ')
	return s, lacking
}

func (a Alphabet) ipaOf(r rune) string {
	if s := a.IPA[r]; s != "" {
		return s
	}
	return string(r)
}

// Ending returns the punctuation that a text ends with; 0 for none.
func Ending(text string) rune {
	last := strings.TrimRightFunc(text, unicode.IsSpace)
	for _, r := range last[len(strings.TrimRight(last, Punctuation+`"')»”`)):] {
		if strings.ContainsRune(Punctuation, r) {
			return r
		}
	}
	return 0
}

// dropMarks takes out what espeak-ng says of another language's rules: "(en)".
func dropMarks(ipa string) string {
	var b strings.Builder
	depth := 0
	for _, r := range ipa {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth > 0:
			depth--
		case depth == 0 && r != '_':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Cut divides symbols into parts of at most so many each, behind a pause where
// there is one, else anywhere.
func Cut(symbols []Symbol, most int) (out [][]Symbol) {
	for len(symbols) > most {
		n := most
		for n > 0 && symbols[n-1].Kind != Pause {
			n--
		}
		if n == 0 {
			n = most
		}
		out, symbols = append(out, symbols[:n]), symbols[n:]
	}
	return append(out, symbols)
}

// Unread returns how many letters were left out of clauses.
func Unread(clauses []inference.Clause) (n int) {
	for _, c := range clauses {
		n += c.Unread
	}
	return n
}

// wordsOf returns the words of a clause's text, without punctuation around them.
func wordsOf(c inference.Clause) []string {
	var out []string
	for _, w := range strings.Fields(c.Text) {
		w = strings.TrimFunc(w, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S) })
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}
