package libretranslate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/internal/remote"
)

const languages = `[{"code":"en","name":"English","targets":["en","es","zt"]},{"code":"es","name":"Spanish","targets":["en","es"]},{"code":"zt","targets":["en"]}]`

// libre is a server as LibreTranslate is.
func libre(t *testing.T, list, key string, answer func(in map[string]string) (int, string)) (*Translator, error) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /languages":
			_, _ = io.WriteString(w, list)
		case "POST /translate":
			in := map[string]string{}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			code, out := answer(in)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, out)
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	t.Cleanup(s.Close)
	tr, err := New(t.Context(), s.URL, key)
	if err == nil {
		t.Cleanup(func() { tr.Close() })
	}
	return tr, err
}

func TestContract(t *testing.T) {
	inferencetest.TestTranslator(t, func(t *testing.T) inference.Translator {
		tr, err := libre(t, languages, "k", func(in map[string]string) (int, string) {
			if in["source"] != "en" || in["target"] != "es" || in["format"] != "text" || in["api_key"] != "k" {
				t.Errorf("%v", in)
			}
			return 200, `{"translatedText":"Buenos  días\n"}`
		})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}, inference.Pair{From: "en", To: "es"}, "good morning", "buenos días")
}

// TestRefuses: the server is not asked for what has no words, or too many.
func TestRefuses(t *testing.T) {
	tr, err := libre(t, languages, "", func(map[string]string) (int, string) {
		t.Error("the server was asked")
		return 200, `{"translatedText":"Hola."}`
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "😀", strings.Repeat("a ", maxRunes)} {
		if _, err := tr.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: text}); !errors.Is(err, inference.ErrRefused) {
			t.Errorf("%.10q: %v, want ErrRefused", text, err)
		}
	}
}

func TestPairsAreTheServers(t *testing.T) {
	tr, err := libre(t, languages, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := tr.Pairs(); len(p) != 4 || p[0].String() != "en->es" { // zt is two letters, and the server's own
		t.Errorf("%v", p)
	}
	for _, list := range []string{"[]", `[{"code":"en","targets":["en"]}]`, "{}", "hello", `[{"code":"english","targets":["es"]}]`} {
		if _, err := libre(t, list, "", nil); err == nil {
			t.Errorf("%s: a server of no pairs was taken", list)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	for body, code := range map[string]int{`{}`: 200, `{"translatedText":""}`: 200, `{"translatedText":5}`: 200, `{"error":"Invalid API key"}`: 403} {
		tr, err := libre(t, languages, "", func(map[string]string) (int, string) { return code, body })
		if err != nil {
			t.Fatal(err)
		}
		_, err = tr.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: "hello"})
		refused := (*remote.StatusError)(nil)
		if code == 200 && !errors.Is(err, remote.ErrAnswer) || code != 200 && (!errors.As(err, &refused) || !strings.Contains(err.Error(), "Invalid API key")) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestGlossary: the server translates around the terms; where it breaks a stand-in, it translates as if there were none.
func TestGlossary(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"kept":   {"%s tiene un coche", "White tiene un coche"},
		"broken": {"%sito tiene un coche", "El blanco tiene un coche"},
	} {
		tr, err := libre(t, languages, "", func(in map[string]string) (int, string) {
			word, rest, _ := strings.Cut(in["q"], " ")
			if rest != "has a car" {
				t.Errorf("%v", in)
			}
			if word == "white" {
				return 200, `{"translatedText":"El blanco tiene un coche"}`
			}
			return 200, `{"translatedText":"` + fmt.Sprintf(c.answer, word) + `"}`
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Translate(t.Context(), inference.TranslationRequest{
			Pair: inference.Pair{From: "en", To: "es"}, Text: "white has a car", Glossary: []inference.Term{{From: "White", To: "White"}},
		})
		if got != c.want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
