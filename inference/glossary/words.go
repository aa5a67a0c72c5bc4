package glossary

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"livedub/inference"
)

const (
	// MaxTerms is how many words a session may name, translated and kept together.
	MaxTerms = 200
	// MaxRunes is how long each may be, and each of its translations, in characters.
	MaxRunes = 100
)

// Words is what a speaker has named: words with their translations, and words
// that stay as they are. The zero value names none.
type Words struct {
	Glossary []Entry  `json:"glossary,omitempty"`
	Keep     []string `json:"keep,omitempty"`
}

// Entry is a word and what it becomes, by language.
type Entry struct {
	From string                    `json:"from"`
	To   map[inference.Lang]string `json:"to"`
}

// Terms returns what holds for translations to one language. An entry counts
// before a word that is kept.
func (w Words) Terms(to inference.Lang) []inference.Term {
	var out []inference.Term
	for _, e := range w.Glossary {
		if t, ok := e.To[to]; ok {
			out = append(out, inference.Term{From: e.From, To: t})
		}
	}
	for _, k := range w.Keep {
		out = append(out, inference.Term{From: k, To: k})
	}
	return out
}

// Clean returns w with the white space of each word put right, or what is wrong
// with it: more than MaxTerms, one longer than MaxRunes, one without letters.
func (w Words) Clean() (Words, error) {
	if n := len(w.Glossary) + len(w.Keep); n > MaxTerms {
		return Words{}, fmt.Errorf("glossary and keep name %d words together: name %d at most", n, MaxTerms)
	}
	var out Words
	for i, e := range w.Glossary {
		from, err := word(e.From)
		if err != nil {
			return Words{}, fmt.Errorf("glossary entry %d: from: %w", i+1, err)
		}
		if len(e.To) == 0 {
			return Words{}, fmt.Errorf(`glossary entry %d, %q: to is empty: name a translation by its language, as {"pt":"..."}`, i+1, from)
		}
		to := make(map[inference.Lang]string, len(e.To))
		for _, lang := range slices.Sorted(maps.Keys(e.To)) {
			if !code(lang) {
				return Words{}, fmt.Errorf("glossary entry %d, %q: language %.20q: give an ISO 639-1 code, as \"pt\"", i+1, from, lang)
			}
			if to[lang], err = word(e.To[lang]); err != nil {
				return Words{}, fmt.Errorf("glossary entry %d, %q to %s: %w", i+1, from, lang, err)
			}
		}
		out.Glossary = append(out.Glossary, Entry{From: from, To: to})
	}
	for i, k := range w.Keep {
		k, err := word(k)
		if err != nil {
			return Words{}, fmt.Errorf("keep, word %d: %w", i+1, err)
		}
		out.Keep = append(out.Keep, k)
	}
	return out, nil
}

func word(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) && !unicode.IsSpace(r) }) {
		return "", errors.New("it has characters that cannot be read: write it as text")
	}
	s = strings.Join(strings.Fields(s), " ")
	switch n := utf8.RuneCountInString(s); {
	case n > MaxRunes:
		return "", fmt.Errorf("it has %d characters: %d at most", n, MaxRunes)
	case !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return "", errors.New("it has neither letters nor digits: name a word")
	}
	return s, nil
}

// code tells whether a language code is well formed.
func code(l inference.Lang) bool {
	return len(l) >= 2 && len(l) <= 8 && !strings.ContainsFunc(string(l), func(r rune) bool { return r < 'a' || r > 'z' })
}

// Parse reads a glossary's file: a word on each line, kept as it is, or
// "word = translation" for every language, or "word = pt: translation, ca:
// translation". Lines without text and those that begin with # count for nothing.
// langs are the languages that a translation without one is for.
func Parse(text string, langs []inference.Lang) (Words, error) {
	var out Words
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		from, right, ok := strings.Cut(line, "=")
		var more Words
		if ok {
			more.Glossary = []Entry{{From: from, To: translations(right, langs)}}
		} else {
			more.Keep = []string{from}
		}
		more, err := more.Clean()
		if err != nil {
			if inner := errors.Unwrap(err); inner != nil { // which word of the line is plain
				err = inner
			}
			return Words{}, fmt.Errorf("line %d: %w", i+1, err)
		}
		out.Glossary, out.Keep = append(out.Glossary, more.Glossary...), append(out.Keep, more.Keep...)
	}
	return out.Clean()
}

// translations reads what stands behind a word's "=". A comma that no language
// follows is the translation's own.
func translations(s string, langs []inference.Lang) map[inference.Lang]string {
	out := map[inference.Lang]string{}
	last := inference.Lang("")
	for part := range strings.SplitSeq(s, ",") {
		lang, to, ok := strings.Cut(part, ":")
		switch l := inference.Lang(strings.TrimSpace(lang)); {
		case ok && code(l) && len(l) <= 3:
			last = l
			out[l] = to
		case last != "":
			out[last] += "," + part
		default:
			for _, l := range langs {
				out[l] = s
			}
			return out
		}
	}
	return out
}
