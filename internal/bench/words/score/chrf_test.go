package score

import (
	"math"
	"testing"
	"unicode/utf8"
)

// pinned are scores by sacreBLEU 2.5.1, CHRF().sentence_score
// (nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no).
var pinned = []struct {
	hypothesis, reference string
	want                  float64
}{
	{"the cat sat on the mat", "the cat sat on the mat", 100},
	{"the cat is on a mat", "the cat sat on the mat", 35.54112138153725},
	{"O governo anunciou ontem novas medidas.", "O governo anunciou ontem novas medidas para reduzir o preço da eletricidade.", 54.41922541722365},
	{"Mis vidas de hermano en una casa grande", "Mi hermano vive en una casa grande cerca del río.", 51.38310736532801},
	{"a", "abc", 38.46153846153846},
	{"ab", "ab", 100},
	{"abc", "a", 71.42857142857143},
	{"", "abc", 0},
	{"abc", "", 0},
	{"xyz", "abc", 0},
	{"Ça va ?", "Ça va?", 100},
	{"aaaaaaa", "aaa", 70.23643949930458},
	{"¿Qué hora es?", "¿Qué  hora\u00a0es?", 100},
	{"👋 hola", "hola 👋", 58.33333333333333},
	{"La riunione comincia alle nove e mezza.", "L'incontro inizia alle nove e mezzo.", 52.7309055332711},
}

func TestChrF(t *testing.T) {
	var all Corpus
	if got := all.ChrF(); got != 0 {
		t.Errorf("an empty corpus: %v", got)
	}
	for _, p := range pinned {
		if got := ChrF(p.hypothesis, p.reference); math.Abs(got-p.want) > 1e-9 {
			t.Errorf("%q for %q: %v, want %v", p.hypothesis, p.reference, got, p.want)
		}
		all.Add(p.hypothesis, p.reference)
	}
	if got, want := all.ChrF(), 58.227970814601434; math.Abs(got-want) > 1e-9 {
		t.Errorf("all as one: %v, want %v", got, want)
	}
}

// FuzzScores: scores stay in their range, and what is equal is perfect, whatever the text.
func FuzzScores(f *testing.F) {
	for _, p := range pinned {
		f.Add(p.hypothesis, p.reference)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if c := ChrF(a, b); !(c >= 0 && c <= 100+1e-9) {
			t.Errorf("chrF %v", c)
		}
		if c := ChrF(a, a); len(signs(a)) > 0 && math.Abs(c-100) > 1e-9 {
			t.Errorf("chrF of %q with itself: %v", a, c)
		}
		said, heard := Words(a), Words(b)
		e := WordErrors(said, heard)
		if e.Said-e.Deletions+e.Insertions != len(heard) || e.Substitutions > min(len(said), len(heard)) || e.Total() > max(len(said), len(heard)) {
			t.Errorf("%q for %q: %+v", heard, said, e)
		}
		if back := WordErrors(heard, said); back.Total() != e.Total() {
			t.Errorf("%+v one way, %+v the other", e, back)
		}
		for _, w := range said {
			if !utf8.ValidString(w) || w == "" {
				t.Errorf("word %q", w)
			}
		}
	})
}
