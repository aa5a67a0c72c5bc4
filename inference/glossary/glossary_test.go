package glossary

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"livedub/inference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terms writes a glossary as "from=to from=to"; "name" is a name that stays.
func terms(s string) (out []inference.Term) {
	for line := range strings.SplitSeq(s, ",") {
		from, to, ok := strings.Cut(line, "=")
		if !ok {
			to = from
		}
		out = append(out, inference.Term{From: from, To: to})
	}
	return out
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ text, terms, want string }{
		{"El señor Blanco habla con Torres.", "Blanco,Torres", "Blanco|Torres"},
		{"el señor blanco y los blancos", "Blanco", "blanco"},                                     // whole words alone
		{"Blanco's, «BLANCO» y blanco-Blanco", "Blanco", "Blanco|BLANCO|blanco|Blanco"},           // what separates words
		{"New York Times in New York", "York,New York,New York Times", "New York Times|New York"}, // the longest
		{"ÉTÉ été", "été=summer", "ÉTÉ|été"},
		{"x1 x12 1x", "x1,1x", "x1|1x"},
		{"서울에서 김치를 먹었다, 북서울", "서울,김치", "서울|김치"}, // particles come after
		{"김치", "김", ""}, // but one syllable begins many words
		{"我在北京大学学习", "北京,北京大学", "北京大学"},
		{"nothing", "=a,nothing=", ""},
		{"twice twice", "twice=a,twice=b", "twice|twice"},
		{"", "a", ""},
		{"\xffa\xff", "a", "a"},
		{"ab", "abc", ""},
	} {
		var got []string
		for _, m := range Find(c.text, terms(c.terms)) {
			got = append(got, c.text[m.Start:m.End])
			if c.terms == "twice=a,twice=b" && m.Term.To != "a" {
				t.Errorf("%+v: the first of two counts", m)
			}
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q with %q: %q, want %q", c.text, c.terms, s, c.want)
		}
	}
}

func TestMissing(t *testing.T) {
	list := terms("oferta=bid,Blanco")
	if m := Missing("La oferta de Blanco, otra oferta.", list, "The BID of White, another bid."); !slices.Equal(m, list[1:]) {
		t.Errorf("%v", m)
	}
	if m := Missing("Blancos", list, "Whites"); m != nil {
		t.Errorf("%v", m)
	}
}

// TestCarry: terms come through whatever the engine does to the words around them; else the phrase does.
func TestCarry(t *testing.T) {
	shout := func(s string) string { return strings.ToUpper(s) }
	for _, c := range []struct {
		name, text, terms string
		engine            func(string) string
		want              string
		asked             int
	}{
		{"none", "la casa", "Blanco", shout, "LA CASA", 1},
		{"a name", "hola Blanco", "blanco=blanco,Blanco", shout, "HOLA blanco", 1},
		{"moved", "la oferta de Torres", "oferta=bid,Torres", func(s string) string {
			w := strings.Fields(s)
			return w[3] + "'s " + w[1]
		}, "Torres's bid", 1},
		{"it opens", "oferta nueva", "oferta=bid", shout, "Bid NUEVA", 1},
		{"a name opens", "iphone nuevo", "iPhone", shout, "iPhone NUEVO", 1},
		{"swallowed", "hola Blanco", "Blanco", func(s string) string {
			if !strings.Contains(s, "Blanco") {
				return "HELLO"
			}
			return "HELLO WHITE"
		}, "HELLO WHITE", 2},
		{"twice", "hola Blanco", "Blanco", func(s string) string { return s + " " + s }, "hola Blanco hola Blanco", 2},
		{"glued", "hola Blanco", "Blanco", func(s string) string { return s + "ha" }, "hola Blancoha", 2},
		{"one glued", "Blanco ve a Torres", "Blanco,Torres", func(s string) string { w := strings.Fields(s); return strings.ToUpper(w[0]) + "ha sees " + w[3] }, "BLANCOha sees Torres", 2},
		{"one glued, then the other", "Blanco ve a Torres", "Blanco,Torres", func(s string) string {
			w := strings.Fields(s)
			if w[0] == "Blanco" {
				w[3] += "ha"
			}
			return w[0] + "ha sees " + w[3]
		}, "Blancoha sees Torresha", 3},
		{"one for another", "Blanco Torres", "Blanco,Torres", func(s string) string { w := strings.Fields(s); return w[0] + " " + w[0] }, "Blanco Blanco", 2},
		{"looks like ours", "zqx Blanco", "Blanco", shout, "ZQX Blanco", 1},
		{"looks like all of ours", "zqx xqz qzx Blanco", "Blanco", shout, "ZQX XQZ QZX BLANCO", 1},
		{"too many", strings.Repeat("Blanco ", most+1), "Blanco=White", shout, strings.Repeat("BLANCO ", most+1), 1},
	} {
		asked := 0
		got, err := Carry(t.Context(), inference.TranslationRequest{Text: c.text, Glossary: terms(c.terms)}, func(_ context.Context, s string) (string, error) {
			asked++
			return c.engine(s), nil
		})
		if got != c.want || err != nil || asked != c.asked {
			t.Errorf("%s: %q, %v, asked %d times; want %q, %d", c.name, got, err, asked, c.want, c.asked)
		}
	}
	broken := errors.New("it broke")
	asked := 0
	_, err := Carry(t.Context(), inference.TranslationRequest{Text: "Blanco", Glossary: terms("Blanco")}, func(context.Context, string) (string, error) {
		asked++
		return "", broken
	})
	if !errors.Is(err, broken) || asked != 1 {
		t.Errorf("an engine that broke: %v, asked %d times", err, asked)
	}
}

// FuzzCarry: whatever the terms, a text that is not translated at all holds them, and nothing of ours.
func FuzzCarry(f *testing.F) {
	f.Add("El señor Blanco habla con Torres.", "blanco", "White")
	f.Add("zqxbb XQZ qzx", "zqxbb", "zqxbc")
	f.Add("\xff\xfe a", "a", "\xff")
	f.Add("서울에서", "서울", "Seoul")
	f.Fuzz(func(t *testing.T, text, from, to string) {
		r := inference.TranslationRequest{Text: text, Glossary: []inference.Term{{From: from, To: to}, {From: to, To: to}}}
		for _, m := range Find(text, r.Glossary) {
			if m.Start < 0 || m.End > len(text) || m.Start >= m.End || !strings.EqualFold(text[m.Start:m.End], m.Term.From) {
				t.Fatalf("%+v in %q", m, text)
			}
		}
		out, err := Carry(t.Context(), r, func(_ context.Context, s string) (string, error) { return s, nil })
		if err != nil || utf8.ValidString(text) && utf8.ValidString(to) && !utf8.ValidString(out) {
			t.Errorf("%q, %v", out, err)
		}
		for _, s := range stems {
			if low := strings.ToLower; strings.Contains(low(out), s) && !strings.Contains(low(text), s) && !strings.Contains(low(to), s) {
				t.Errorf("%q has a stand-in", out)
			}
		}
	})
}
