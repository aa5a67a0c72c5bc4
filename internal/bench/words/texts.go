package words

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"strings"

	"livedub/inference"
	"livedub/internal/bench/words/score"
)

// Languages are those of the sentences.
var Languages = []inference.Lang{"en", "es", "pt", "fr", "it", "ca", "gl"}

// sentences.tsv has everyday sentences that were written for this bench, each in
// all languages; numbers.tsv how the numbers in them are spoken.
var (
	//go:embed sentences.tsv
	sentences string
	//go:embed numbers.tsv
	numbers string

	texts  = columns(sentences) // by language
	spoken = spokenNumbers()    // by language and digits
)

// columns reads a table whose first line names its columns.
func columns(table string) map[inference.Lang][]string {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	names := strings.Split(lines[0], "\t")
	out := map[inference.Lang][]string{}
	for n, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != len(names) {
			panic(fmt.Sprintf("internal/bench/words: line %d of a table has %d columns, not %d", n+2, len(cells), len(names)))
		}
		for i, name := range names {
			out[inference.Lang(name)] = append(out[inference.Lang(name)], cells[i])
		}
	}
	return out
}

func spokenNumbers() map[inference.Lang]map[string]string {
	table := columns(numbers)
	out := map[inference.Lang]map[string]string{}
	for _, lang := range Languages {
		out[lang] = map[string]string{}
		for i, digits := range table["digits"] {
			if word := table[lang][i]; word != "" {
				out[lang][digits] = word
			}
		}
	}
	return out
}

// wordsOf returns a text's words as they are compared: a number in digits is no
// error where it was spoken, nor are letters and digits that are written as one.
func wordsOf(lang inference.Lang, text string) []string {
	var out []string
	for _, w := range score.Words(text) {
		if word, ok := spoken[lang][w]; ok {
			out = append(out, word)
			continue
		}
		for _, part := range parts.FindAllString(w, -1) {
			if word, ok := spoken[lang][part]; ok {
				part = word
			}
			out = append(out, part)
		}
	}
	return out
}

var parts = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// round keeps so many digits after the point: what comes after them is noise.
func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}
