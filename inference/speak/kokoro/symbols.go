package kokoro

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"livedub/inference"
)

// vocabulary is the number of each symbol that the net knows.
type vocabulary map[rune]int

// kind is what a symbol is to the sound.
type kind uint8

const (
	phoneme kind = iota
	stress       // belongs to the phoneme after it
	length       // and nasality and the like: to the phoneme before it
	pause        // space and punctuation
)

// token is one symbol to be spoken, and what it stands for.
type token struct {
	id   int
	kind kind
	ipa  string // of a phoneme
	word int    // index of the word it belongs to; -1 for a pause
}

// part is what the net speaks at once: at most maxTokens.
type part []token

func readVocabulary(dir string) (vocabulary, error) {
	path := filepath.Join(dir, "vocab.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct{ Vocab map[string]int }
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	v := vocabulary{}
	for s, id := range file.Vocab {
		r := []rune(s)
		if len(r) != 1 || id < 1 || id > 1<<10 {
			return nil, fmt.Errorf("%s: %q is no symbol with a number", path, s)
		}
		v[r[0]] = id
	}
	if len(v) < 50 {
		return nil, fmt.Errorf("%s: %d symbols: too few for any language", path, len(v))
	}
	return v, nil
}

// joined are phonemes that the net has one symbol for; those of English are
// diphthongs, which other languages speak as two vowels.
var (
	joined  = []string{"t͡ʃ", "ʧ", "d͡ʒ", "ʤ", "tʃ", "ʧ", "dʒ", "ʤ", "t͡s", "ʦ", "ts", "ʦ", "g", "ɡ"}
	english = []string{"ɚ", "əɹ", "aɪ", "I", "eɪ", "A", "oʊ", "O", "əʊ", "Q", "aʊ", "W", "ɔɪ", "Y"}

	replaceAll     = strings.NewReplacer(joined...)
	replaceEnglish = strings.NewReplacer(append(english, joined...)...)
)

// spelled are the symbols that are no IPA.
var spelled = map[rune]string{'ʧ': "tʃ", 'ʤ': "dʒ", 'ʦ': "ts", 'ʣ': "dz", 'I': "aɪ", 'A': "eɪ", 'O': "oʊ", 'Q': "əʊ", 'W': "aʊ", 'Y': "ɔɪ"}

// punctuation that the net phrases by.
const punctuation = ";:,.!?—…"

// parts makes tokens of clauses, as few parts as hold them, and returns the words they say.
func (v vocabulary) parts(clauses []inference.Clause, isEnglish bool) (out []part, words []string) {
	var now part
	for _, c := range clauses {
		of := wordsOf(c)
		p := v.clause(c, isEnglish, len(words), len(of))
		words = append(words, of...)
		for len(p) > maxTokens {
			out, p = append(out, p[:maxTokens]), p[maxTokens:]
		}
		if len(now)+len(p) > maxTokens {
			out, now = append(out, now), nil
		}
		now = append(now, p...)
	}
	if len(now) > 0 {
		out = append(out, now)
	}
	return out, words
}

// clause makes the tokens of one clause of so many words, which count from word on.
func (v vocabulary) clause(c inference.Clause, isEnglish bool, word, words int) (p part) {
	replace := replaceAll
	if isEnglish {
		replace = replaceEnglish
	}
	groups := strings.Fields(dropMarks(c.IPA)) // words, as a rule
	for i, g := range groups {
		at := word + min(i*words/len(groups), max(words-1, 0))
		if len(p) > 0 {
			p = append(p, token{id: v[' '], kind: pause, word: -1})
		}
		for _, r := range replace.Replace(g) {
			id, ok := v[r]
			switch {
			case !ok:
			case r == 'ˈ' || r == 'ˌ':
				p = append(p, token{id: id, kind: stress, word: at})
			case unicode.IsLetter(r) && !modifier(r):
				p = append(p, token{id: id, ipa: ipaOf(r), word: at})
			default:
				p = append(p, token{id: id, kind: length, word: at})
			}
		}
	}
	if len(p) == 0 {
		return nil
	}
	last := strings.TrimRightFunc(c.Text, unicode.IsSpace)
	for _, r := range last[len(strings.TrimRight(last, punctuation+`"')»”`)):] {
		if strings.ContainsRune(punctuation, r) {
			p = append(p, token{id: v[r], kind: pause, word: -1})
			break
		}
	}
	return append(p, token{id: v[' '], kind: pause, word: -1})
}

func modifier(r rune) bool { return unicode.Is(unicode.Lm, r) }

func ipaOf(r rune) string {
	if s := spelled[r]; s != "" {
		return s
	}
	return string(r)
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
