package api

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/signaling"
)

// TestWords: what the speaker has named comes with a session, is shown to who controls it, and changes list by list.
func TestWords(t *testing.T) {
	r := open(t)
	status, _, _ := r.do("POST", "/v1/sessions", `{"from":"es","to":["pt","ca"],"glossary":[{"from":" oferta ","to":{"pt":"lance","ca":"oferta"}}],"keep":["Torres","El  Corte"]}`)
	want := glossary.Words{
		Glossary: []glossary.Entry{{From: "oferta", To: map[inference.Lang]string{"pt": "lance", "ca": "oferta"}}},
		Keep:     []string{"Torres", "El Corte"},
	}
	if i, err := r.Desk.Get("made"); status != 201 || err != nil || !reflect.DeepEqual(i.Words, want) {
		t.Fatalf("%d, %+v, %v", status, i.Words, err)
	}
	_, got, _ := r.do("GET", "/v1/sessions/made", "")
	if s := fmt.Sprint(got["glossary"], got["keep"]); s != "[map[from:oferta to:map[ca:oferta pt:lance]]] [Torres El Corte]" {
		t.Errorf("GET shows %s", s)
	}
	watch, _ := got["events"].(string)
	if _, got, _ := r.do("GET", strings.TrimSuffix(strings.TrimPrefix(watch, r.URL), "/events"), "", "Origin", "https://elsewhere.example"); got["id"] != "made" || got["glossary"] != nil || got["keep"] != nil {
		t.Errorf("a watcher is shown %v and %v", got["glossary"], got["keep"])
	}

	var set []glossary.Words
	r.Desk.SetWordsFunc = func(id string, w glossary.Words) (signaling.Info, error) {
		set = append(set, w)
		i, err := r.Desk.Get(id)
		i.Words = w
		return i, err
	}
	for _, c := range []struct {
		body string
		want glossary.Words
	}{
		{`{"keep":["Blanco"]}`, glossary.Words{Glossary: want.Glossary, Keep: []string{"Blanco"}}},
		{`{"glossary":[]}`, glossary.Words{Keep: want.Keep}},
		{`{"keep":[],"glossary":[{"from":"a","to":{"pt":"b"}}]}`, glossary.Words{Glossary: []glossary.Entry{{From: "a", To: map[inference.Lang]string{"pt": "b"}}}}},
	} {
		set = nil
		if status, got, _ := r.do("PATCH", "/v1/sessions/made", c.body); status != 200 || len(set) != 1 || !reflect.DeepEqual(set[0], c.want) || fmt.Sprint(got["keep"] == nil) != fmt.Sprint(len(c.want.Keep) == 0) {
			t.Errorf("%s: %d %v, set %+v; want %+v", c.body, status, got, set, c.want)
		}
	}
	set = nil
	for words, text := range map[string]string{
		`"keep":"Torres"`: "want a list",
		`"keep":[1]`:      "keep",
		`"keep":["-"]`:    "keep, word 1: it has neither letters nor digits",
		`"keep":["` + strings.Repeat("a", 101) + `"]`:        "101 characters: 100 at most",
		`"keep":["` + strings.Repeat(`a","`, 200) + `a"]`:    "201 words together: name 200 at most",
		`"glossary":{"a":"b"}`:                               "want a list",
		`"glossary":["a"]`:                                   "glossary entry 1: not a JSON object",
		`"glossary":[{"from":"a"}]`:                          `"a": to is empty`,
		`"glossary":[{"from":"a","into":{}}]`:                `glossary entry 1: unknown field "into"`,
		`"glossary":[{"from":"a","to":"b"}]`:                 "want an object",
		`"glossary":[{"to":{"pt":"b"}}]`:                     "glossary entry 1: from: it has neither",
		`"glossary":[{"from":"a","to":{"Portuguese!":"b"}}]`: "give an ISO 639-1 code",
		`"glossary":[{"from":"a","to":{"pt":"b","pt":"c"}}]`: "twice",
	} {
		for _, c := range [][2]string{{"POST", "/v1/sessions"}, {"PATCH", "/v1/sessions/made"}} {
			body := `{` + words + `}`
			if c[0] == "POST" {
				body = `{"from":"en","to":["es"],` + words + `}`
			}
			status, got, _ := r.do(c[0], c[1], body)
			if msg, _ := got["error"].(string); status != 400 || !strings.Contains(msg, text) || set != nil {
				t.Errorf("%s %.80s: %d %v, want %q", c[0], body, status, got, text)
			}
		}
	}
	// What is there counts too.
	if status, got, _ := r.do("PATCH", "/v1/sessions/made", `{"keep":["`+strings.Repeat(`a","`, 199)+`a"]}`); status != 400 || !strings.Contains(fmt.Sprint(got["error"]), "201 words") {
		t.Errorf("more than may be, together with what is there: %d %v", status, got)
	}
}
