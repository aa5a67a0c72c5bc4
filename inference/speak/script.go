package speak

import (
	"fmt"
	"strings"
	"unicode"

	"livedub/inference"
)

// scripts are those beside Latin that espeak-ng reads, and the languages whose
// voices do; none named: any voice, by another's rules. It names the letters of
// other scripts ("Chinese letter", "Arabic meem"), which no listener wants to hear.
var scripts = []struct {
	letters *unicode.RangeTable
	langs   string
}{
	{unicode.Latin, ""}, {unicode.Greek, ""}, {unicode.Hangul, ""}, {unicode.Devanagari, ""}, {unicode.Georgian, ""},
	{unicode.Cyrillic, "ba be bg cv kk ky mk ru sr tt uk"}, {unicode.Arabic, "ar fa sd ug ur"}, {unicode.Hebrew, "he"},
	{unicode.Armenian, "hy"}, {unicode.Ethiopic, "am"}, {unicode.Thai, "th"}, {unicode.Myanmar, "my"}, {unicode.Bengali, "as bn"},
	{unicode.Gujarati, "gu"}, {unicode.Gurmukhi, "pa"}, {unicode.Kannada, "kn"}, {unicode.Malayalam, "ml"}, {unicode.Oriya, "or"},
	{unicode.Sinhala, "si"}, {unicode.Tamil, "ta"}, {unicode.Telugu, "te"},
}

// reads tells whether the voice of a language reads a letter.
func reads(lang inference.Lang, r rune) bool {
	for _, s := range scripts {
		if unicode.Is(s.letters, r) {
			return s.langs == "" || strings.Contains(s.langs, string(lang))
		}
	}
	return !unicode.IsLetter(r) || unicode.In(r, unicode.Common, unicode.Inherited)
}

// readable replaces, one for one, the letters that the voice of a language cannot
// read, and returns how many there were. Text without anything to speak is
// inference.ErrRefused.
func readable(lang inference.Lang, text string) (string, int, error) {
	unread := 0
	out := strings.Map(func(r rune) rune {
		switch {
		case reads(lang, r):
			return r
		case unicode.IsLetter(r):
			unread++
		}
		return ' '
	}, text)
	if strings.IndexFunc(out, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0 {
		return out, unread, nil
	}
	if unread > 0 {
		return "", unread, fmt.Errorf("%w: espeak: the voice of %q reads none of its %d letters", inference.ErrRefused, lang, unread)
	}
	return "", 0, fmt.Errorf("%w: espeak: nothing to speak; send words", inference.ErrRefused)
}
