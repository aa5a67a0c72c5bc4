package translate

import (
	"context"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

// TestGlossary: what the user has named comes through every pair, and the words around it are translated.
func TestGlossary(t *testing.T) {
	a := open(t, Config{})
	for _, c := range []struct {
		from, to inference.Lang
		text     string
		terms    []inference.Term
		plain    string // without the terms
		want     string
	}{
		{"es", "en", "el señor Blanco y la señora Torres viven en Torres Blancas", keep("Blanco", "Torres Blancas", "Torres"),
			"The White gentleman and the lady Torres live in White Towers.", "The gentleman Blanco and the lady Torres live in Torres Blancas."},
		{"es", "en", "ayer blanco habló con torres", keep("Blanco", "Torres"), "", "Yesterday Blanco spoke with Torres."},
		{"es", "pt", "vivimos en Torres Blancas", keep("Torres Blancas"), "Vivemos em Torres Brancas.", "Vivemos em Torres Blancas."},
		{"es", "pt", "la oferta es muy grande", []inference.Term{{From: "oferta", To: "proposta"}}, "", "A proposta é muito grande."},
		{"es", "ca", "la oferta de Blanco", []inference.Term{{From: "oferta", To: "proposta"}, {From: "Blanco", To: "Blanco"}}, "", "La proposta de Blanco."},
		{"en", "es", "the closing bid is here", []inference.Term{{From: "closing bid", To: "puja final"}}, "", "El puja final es aquí."},
		{"en", "ca", "the dog of White is here", keep("White"), "", "El gos de White és aquí."},
		// The pair glues the genitive to words that it does not know: that name is translated, the other one kept.
		{"en", "ca", "Marble's dog is with White", keep("Marble", "White"), "El gos del marbre és amb Blanc.", "El gos del marbre és amb White."},
	} {
		p := inference.Pair{From: c.from, To: c.to}
		if a.lanes[p] == nil {
			t.Logf("%v is not installed", p)
			continue
		}
		if c.plain != "" {
			if got := must(t, a, c.from, c.to, c.text); got != c.plain {
				t.Errorf("%v without terms: %q, want %q", p, got, c.plain)
			}
		}
		got, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: p, Text: c.text, Glossary: c.terms})
		if err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", p, got, err, c.want)
		}
	}
}

// TestStandIns: no pair of those here changes a stand-in: among known words, at either end, beside punctuation.
func TestStandIns(t *testing.T) {
	a := open(t, Config{})
	for _, p := range a.Pairs() {
		for _, text := range []string{"Kuala and Lumpur", "la casa de kuala , Lumpur", "Kuala: 5, (lumpur)"} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			got, err := a.Translate(ctx, inference.TranslationRequest{Pair: p, Text: text, Glossary: []inference.Term{{From: "kuala", To: "Quito"}, {From: "lumpur", To: "Lima"}}})
			cancel()
			if err != nil || !strings.Contains(got, "Quito") || !strings.Contains(got, "Lima") {
				t.Errorf("%v: %q gave %q, %v", p, text, got, err)
			}
		}
		a.end(a.lanes[p])
	}
}

func keep(words ...string) (out []inference.Term) {
	for _, w := range words {
		out = append(out, inference.Term{From: w, To: w})
	}
	return out
}
