package score

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"Good morning, everyone!":        "good morning everyone",
		"I’m here; it's 'fine'.":         "i'm here it's fine",
		"cafe\u0301 CAFÉ":                "café café",
		"peut-être… l'eau":               "peut être l'eau",
		"La col·lega i el para\u00adsol": "la collega i el parasol",
		"¿A las 8:30?":                   "a las 8 30",
		" - ' '' 👋 ":                     "",
		"ÉTÉ tre\u0323s \u200bla":        "été trẹs la",
	} {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestWordErrors(t *testing.T) {
	for _, c := range []struct {
		said, heard string
		want        Errors
		rate        float64
	}{
		{"a b c d", "a b c d", Errors{0, 0, 0, 4}, 0},
		{"a b c d", "a x c d", Errors{1, 0, 0, 4}, .25},
		{"a b c d", "a c d", Errors{0, 0, 1, 4}, .25},
		{"a b c d", "a b x c d", Errors{0, 1, 0, 4}, .25},
		{"a b c d", "", Errors{0, 0, 4, 4}, 1},
		{"", "a b", Errors{0, 2, 0, 0}, 0},
		{"a", "x y z", Errors{1, 2, 0, 1}, 3},
		{"the weather is nice today", "whether is nice to day", Errors{2, 1, 1, 5}, .8},
		{"a b c d e f", "b c d e f g", Errors{0, 1, 1, 6}, 1. / 3},
	} {
		got := WordErrors(strings.Fields(c.said), strings.Fields(c.heard))
		if got != c.want || got.Rate() != c.rate {
			t.Errorf("%q for %q: %+v, %.3f; want %+v, %.3f", c.heard, c.said, got, got.Rate(), c.want, c.rate)
		}
	}
	sum := Errors{1, 2, 3, 10}.Add(Errors{1, 0, 1, 6})
	if sum != (Errors{2, 2, 4, 16}) || sum.Rate() != .5 {
		t.Errorf("%+v, %v", sum, sum.Rate())
	}
}

// TestFewest: no other order of changes is shorter, by trying them all.
func TestFewest(t *testing.T) {
	var texts [][]string
	for n := range 4 {
		var grow func(at []string)
		grow = func(at []string) {
			if len(at) == n {
				texts = append(texts, slices.Clone(at))
				return
			}
			for _, w := range []string{"a", "b"} {
				grow(append(at, w))
			}
		}
		grow(nil)
	}
	var fewest func(a, b []string) int
	fewest = func(a, b []string) int {
		if len(a) == 0 || len(b) == 0 {
			return len(a) + len(b)
		}
		n := fewest(a[1:], b[1:])
		if a[0] != b[0] {
			n++
		}
		return min(n, 1+fewest(a[1:], b), 1+fewest(a, b[1:]))
	}
	for _, a := range texts {
		for _, b := range texts {
			if got := WordErrors(a, b); got.Total() != fewest(a, b) {
				t.Errorf("%v for %v: %+v, %d are enough", b, a, got, fewest(a, b))
			}
		}
	}
}
