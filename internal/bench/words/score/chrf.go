package score

import (
	"strings"
	"unicode"
)

const (
	chrFOrder = 6 // longest n-gram, in characters
	chrFBeta  = 2 // how much more recall counts than precision
)

// ChrF returns chrF2 of one translation against one reference, 0 to 100: the
// F-score of the n-grams of one to six characters that both have, whitespace
// left out, as sacreBLEU computes it by default.
func ChrF(hypothesis, reference string) float64 {
	var c Corpus
	c.Add(hypothesis, reference)
	return c.ChrF()
}

// Corpus gathers translations whose n-grams count as one text's. The zero value is empty.
type Corpus struct {
	hypothesis, reference, both [chrFOrder]int // n-grams, by their length less one
}

// Add adds one translation.
func (c *Corpus) Add(hypothesis, reference string) {
	h, r := signs(hypothesis), signs(reference)
	for i := range chrFOrder {
		left := ngrams(r, i+1)
		total := 0
		for _, n := range left {
			total += n
		}
		c.reference[i] += total
		if total > 0 { // as sacreBLEU: n-grams longer than the reference are no mistakes
			c.hypothesis[i] += max(len(h)-i, 0)
		}
		for gram, n := range ngrams(h, i+1) {
			c.both[i] += min(n, left[gram])
		}
	}
}

// ChrF returns chrF2 of all that was added, 0 to 100.
func (c *Corpus) ChrF() float64 {
	var precision, recall float64
	orders := 0
	for i := range chrFOrder {
		if c.hypothesis[i] == 0 || c.reference[i] == 0 {
			continue
		}
		precision += float64(c.both[i]) / float64(c.hypothesis[i])
		recall += float64(c.both[i]) / float64(c.reference[i])
		orders++
	}
	if orders == 0 || precision+recall == 0 {
		return 0
	}
	precision, recall = precision/float64(orders), recall/float64(orders)
	const weight = chrFBeta * chrFBeta
	return 100 * (1 + weight) * precision * recall / (weight*precision + recall)
}

// signs returns a text's characters without whitespace.
func signs(text string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text))
}

func ngrams(text []rune, n int) map[string]int {
	out := map[string]int{}
	for i := 0; i+n <= len(text); i++ {
		out[string(text[i:i+n])]++
	}
	return out
}
