package glossary

import (
	"reflect"
	"strings"
	"testing"

	"livedub/inference"
)

func TestClean(t *testing.T) {
	many := make([]string, MaxTerms)
	for i := range many {
		many[i] = "a"
	}
	to := func(s string) map[inference.Lang]string { return map[inference.Lang]string{"pt": s} }
	for name, c := range map[string]struct {
		in   Words
		want string // in the error; "" for none
	}{
		"none":          {Words{}, ""},
		"good":          {Words{Glossary: []Entry{{"cierre", to("fechamento")}}, Keep: []string{"Torres"}}, ""},
		"as many":       {Words{Keep: many}, ""},
		"one more":      {Words{Keep: many, Glossary: []Entry{{"a", to("b")}}}, "name 201 words together: name 200 at most"},
		"long":          {Words{Keep: []string{strings.Repeat("é", MaxRunes)}}, ""},
		"too long":      {Words{Keep: []string{"a", strings.Repeat("é", MaxRunes+1)}}, "keep, word 2: it has 101 characters: 100 at most"},
		"no word":       {Words{Keep: []string{" - "}}, "neither letters nor digits"},
		"no text":       {Words{Keep: []string{"a\x00"}}, "cannot be read"},
		"not UTF-8":     {Words{Keep: []string{"a\xff"}}, "cannot be read"},
		"no from":       {Words{Glossary: []Entry{{"", to("b")}}}, "glossary entry 1: from: it has neither"},
		"no to":         {Words{Glossary: []Entry{{"a", nil}}}, `"a": to is empty`},
		"empty to":      {Words{Glossary: []Entry{{"a", to(" ")}}}, `"a" to pt: it has neither`},
		"long to":       {Words{Glossary: []Entry{{"a", to(strings.Repeat("b", 101))}}}, `"a" to pt: it has 101`},
		"no language":   {Words{Glossary: []Entry{{"a", map[inference.Lang]string{"PT": "b"}}}}, `language "PT"`},
		"right to left": {Words{Keep: []string{"שלום"}}, ""},
	} {
		if _, err := c.in.Clean(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	got, err := Words{Glossary: []Entry{{" New\n York ", to("\tNova  Iorque")}}, Keep: []string{" El\u00a0Corte "}}.Clean()
	if want := (Words{Glossary: []Entry{{"New York", to("Nova Iorque")}}, Keep: []string{"El Corte"}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if terms := got.Terms("pt"); !reflect.DeepEqual(terms, []inference.Term{{From: "New York", To: "Nova Iorque"}, {From: "El Corte", To: "El Corte"}}) {
		t.Errorf("%v", terms)
	}
	if terms := got.Terms("ca"); len(terms) != 1 || terms[0].To != "El Corte" {
		t.Errorf("%v", terms)
	}
}

func TestParse(t *testing.T) {
	langs := []inference.Lang{"pt", "ca"}
	for text, want := range map[string]Words{
		"":                                    {},
		"\ufeff# names\n\nTorres\r\n Blanco ": {Keep: []string{"Torres", "Blanco"}},
		"oferta = proposta":                   {Glossary: []Entry{{"oferta", map[inference.Lang]string{"pt": "proposta", "ca": "proposta"}}}},
		"oferta = pt: lance, fr: offre":       {Glossary: []Entry{{"oferta", map[inference.Lang]string{"pt": "lance", "fr": "offre"}}}},
		"hora=às 10:30, em ponto":             {Glossary: []Entry{{"hora", map[inference.Lang]string{"pt": "às 10:30, em ponto", "ca": "às 10:30, em ponto"}}}},
		"lema = pt: sim, senhor":              {Glossary: []Entry{{"lema", map[inference.Lang]string{"pt": "sim, senhor"}}}},
	} {
		if got, err := Parse(text, langs); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"a\n= b":                           "line 2: it has neither",
		"a\nb =":                           "line 2: it has neither",
		"#\n\n" + strings.Repeat("a", 101): "line 3: it has 101",
		strings.Repeat("a\n", MaxTerms+1):  "201 words",
		"a = pt: , ca: b":                  "line 1: it has neither",
		"\x00":                             "line 1",
	} {
		if got, err := Parse(text, langs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %+v, %v; want %q", text, got, err, want)
		}
	}
}

// FuzzParse: what is read is clean.
func FuzzParse(f *testing.F) {
	f.Add("Torres\noferta = pt: lance, ca: oferta\n# no\na=b")
	f.Add("=\n:=,\na=pt:,")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Parse(text, []inference.Lang{"pt"})
		if err != nil {
			return
		}
		again, err := w.Clean()
		if err != nil || !reflect.DeepEqual(again, w) {
			t.Errorf("%+v became %+v, %v", w, again, err)
		}
	})
}
