package recognize

import (
	"strings"
	"time"
	"unicode"

	"livedub/inference"
)

// policy chooses which words of a unit that is still being spoken are final, for
// one stream. Final words are never taken back.
type policy interface {
	// commit hears a guess of the unit's words, and returns how many of the first
	// are final. The sound up to their end is not heard again: the next guess
	// begins with the word after them.
	commit(g guess) int
	// reset is told that the unit has ended.
	reset()
}

// newPolicy returns the policy of a name; nil for units, which end by themselves.
func newPolicy(p inference.Policy) policy {
	switch p {
	case inference.LocalAgreement:
		return &localAgreement{}
	case inference.WaitK:
		return waitK{}
	}
	return nil
}

// guess is what a unit's words seem to be so far.
type guess struct {
	words []inference.Word
	pause []time.Duration // silence in the sound after each word, the last one's unknown
}

const (
	// leastClause is how much speech is translated by itself at least: words without
	// company are translated badly.
	leastClause = 500 * time.Millisecond
	// mostClause is how much speech waits for a good place to end at most.
	mostClause = 900 * time.Millisecond
	// breath is a silence within speech at which it may be divided: the closure of
	// a stop consonant is shorter.
	breath = 100 * time.Millisecond
)

// clause returns at which of its first n words a guess is best divided: behind
// punctuation or a breath, the later the better, else where it has grown long,
// but not behind a word as short as articles and prepositions are; 0 for not yet.
func (g guess) clause(n int) int {
	best, rank := 0, 0
	for i := 1; i <= n; i++ {
		w := g.words[i-1]
		span := w.End - g.words[0].Start
		r := 0
		switch {
		case span < leastClause:
		case ends(w.Text) || g.pause[i-1] >= breath:
			r = 2
		case span >= mostClause && !short(w.Text):
			r = 1
		}
		if r > 0 && (r > rank || r == 2) {
			best, rank = i, r
		}
	}
	return best
}

// ends tells whether punctuation ends a word.
func ends(text string) bool {
	return strings.ContainsAny(text[max(0, len(text)-3):], ".,;:?!…。，！？、")
}

// short tells whether a word is as short as those that belong to the next one.
func short(text string) bool {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
		if r > 0x2e80 { // Hanzi, kana, Hangul: a word in a character
			return false
		}
	}
	return n <= 3
}

// plain returns what two guesses of a word have in common: letters and digits, in lower case.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// localAgreement takes as final what two guesses in a row have in common (Liu,
// Spanakis and Niehues 2020), but the last word, which may still be growing.
type localAgreement struct {
	last []string // words of the guess before, in plain
}

func (p *localAgreement) commit(g guess) int {
	said := make([]string, len(g.words))
	for i, w := range g.words {
		said[i] = plain(w.Text)
	}
	n := 0
	for n < min(len(p.last), len(said)-1) && p.last[n] == said[n] {
		n++
	}
	n = g.clause(n)
	p.last = said[n:]
	return n
}

func (p *localAgreement) reset() { p.last = nil }

// waitK takes a word as final when waitWords more were heard (Ma et al. 2019).
type waitK struct{}

// waitWords is the k of wait-k.
const waitWords = 3

func (waitK) commit(g guess) int { return g.clause(max(0, len(g.words)-waitWords)) }
func (waitK) reset()             {}
