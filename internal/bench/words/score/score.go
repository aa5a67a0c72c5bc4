// Package score compares text with what it should be: word errors of a
// recognizer, and chrF of a translation.
package score

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Words returns the words of a text as they are compared: lower-case, in NFC,
// without punctuation. Apostrophes within words stay, hyphens part words.
func Words(text string) []string {
	var b strings.Builder
	for _, r := range norm.NFC.String(text) {
		switch {
		case r == '’' || r == 'ʼ':
			b.WriteRune('\'')
		case r == '\'', unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			b.WriteRune(unicode.ToLower(r))
		case r == '·' || r == '\u00ad': // Catalan's l·l is one word; a soft hyphen is no sign
		default:
			b.WriteByte(' ')
		}
	}
	var out []string
	for _, w := range strings.Fields(b.String()) {
		if w = strings.Trim(w, "'"); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// Errors counts how what was heard differs from what was said, by the fewest
// changes that make one of the other.
type Errors struct {
	Substitutions, Insertions, Deletions int
	Said                                 int // words
}

// WordErrors compares words. Both are best from Words.
func WordErrors(said, heard []string) Errors {
	// cells[j] is the cheapest way from said[:i] to heard[:j].
	cells := make([]Errors, len(heard)+1)
	for j := range cells {
		cells[j].Insertions = j
	}
	for i, word := range said {
		diagonal := cells[0]
		cells[0].Deletions = i + 1
		for j := range heard {
			best := diagonal
			if word != heard[j] {
				best.Substitutions++
				if del := cells[j+1]; del.Total() < diagonal.Total() {
					best = del
					best.Deletions++
				}
				if ins := cells[j]; ins.Total()+1 < best.Total() {
					best = ins
					best.Insertions++
				}
			}
			diagonal, cells[j+1] = cells[j+1], best
		}
	}
	e := cells[len(heard)]
	e.Said = len(said)
	return e
}

// Total returns how many there are.
func (e Errors) Total() int { return e.Substitutions + e.Insertions + e.Deletions }

// Add returns the errors of both.
func (e Errors) Add(other Errors) Errors {
	return Errors{
		e.Substitutions + other.Substitutions, e.Insertions + other.Insertions, e.Deletions + other.Deletions, e.Said + other.Said,
	}
}

// Rate returns the word error rate: errors a word that was said, over 1 where more
// was made up than said; 0 where nothing was said.
func (e Errors) Rate() float64 {
	if e.Said == 0 {
		return 0
	}
	return float64(e.Total()) / float64(e.Said)
}
