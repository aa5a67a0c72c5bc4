package speak

import (
	"math"
	"slices"
	"strings"

	"livedub/inference"
	"livedub/inference/speak/wire"
)

// excluded languages have a voice that does not read their script: kanji and hanzi are not spoken properly.
var excluded = []inference.Lang{"ja", "zh"}

// preferred accents, where a language's plain name is not the widest spoken.
var preferred = map[inference.Lang]string{"en": "en-us", "pt": "pt-br"}

// borrowed voices speak languages espeak-ng has no voice for. Galician is
// written by much the same rules as Spanish, which has all its vowels and all
// its consonants but one; see galician.
var borrowed = map[inference.Lang]inference.Lang{"gl": "es"}

// catalogue returns espeak-ng's voice for each ISO 639-1 language.
func catalogue(voices []wire.Voice) map[inference.Lang]string {
	c := map[inference.Lang]string{}
	for _, v := range voices { // of two for one language, the better comes first
		if l := inference.Lang(v.Lang); len(l) == 2 && c[l] == "" && !slices.Contains(excluded, l) {
			c[l] = v.Name
		}
	}
	for _, v := range voices {
		l := inference.Lang(v.Lang[:min(2, len(v.Lang))])
		switch {
		case preferred[l] == v.Lang:
			c[l] = v.Name
		case len(v.Lang) > 2 && v.Lang[2] == '-' && c[l] == "" && !slices.Contains(excluded, l):
			c[l] = v.Name
		}
	}
	for l, from := range borrowed {
		if c[l] == "" && c[from] != "" {
			c[l] = c[from]
		}
	}
	return c
}

// tags returns espeak-ng's voice of each BCP 47 tag; of two, the better comes first.
func tags(voices []wire.Voice) map[string]string {
	t := map[string]string{}
	for _, v := range voices {
		if t[v.Lang] == "" {
			t[v.Lang] = v.Name
		}
	}
	return t
}

// timbre is an espeak-ng voice variant: a larynx and a throat.
type timbre struct {
	name string
	f0   float64 // median fundamental frequency at pitch 50, Hz, measured over languages
}

var (
	male   = timbre{"m3", 107}
	female = timbre{"f2", 197}
)

// divide is the median pitch, in Hz, from which a speaker of unknown gender gets the female timbre.
const divide = 155

// choose returns the timbre and espeak-ng's pitch, 0..99, that come nearest to a speaker.
func choose(g inference.Gender, p inference.Pitch) (timbre, int) {
	t := male
	if g == inference.Female || g == inference.Unspecified && p.Median >= divide {
		t = female
	}
	if p.Median <= 0 || math.IsNaN(p.Median) {
		return t, 50
	}
	// espeak-ng's pitch is logarithmic: 70 steps were measured to be an octave.
	n := 50 + 70*math.Log2(p.Median/t.f0)
	return t, int(math.Round(min(99, max(0, n))))
}

// galician spells text so that the Spanish voice says x as sh, and returns for
// each rune of the result the index of the rune in text it stands for.
// The Spanish voice knows sh at the start of a word; within one, ch is nearest.
func galician(text string) (string, []int) {
	var b strings.Builder
	var from []int
	inWord := false
	for i, r := range []rune(text) {
		out := string(r)
		if r == 'x' || r == 'X' {
			if out = "sh"; inWord {
				out = "ch"
			}
		}
		b.WriteString(out)
		for range []rune(out) {
			from = append(from, i)
		}
		inWord = strings.ToLower(string(r)) != strings.ToUpper(string(r))
	}
	return b.String(), from
}
