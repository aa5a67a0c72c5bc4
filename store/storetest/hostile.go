package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"livedub/store"
)

// names are texts that somebody may send to do harm, or by mistake.
var names = []string{
	"'; DROP TABLE sessions; --", `" onload="x`, `\`, `\\u0000`, `\u0000`, "a\x00b", "\x00", "\xff\xfe", "half a letter \xe2\x82",
	"../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "C:\\x", "%00", "%s%n$1", "$$", "{}", "null", "NULL",
	"line\nline\r\n", "\u2028\u2029", "\u202eevil", "é\u0301", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧", "\ufeffBOM", "\x1b[31m", " ", strings.Repeat("x", 5000), strings.Repeat("€", 1000),
}

// badEpochs can be no key of a session.
var badEpochs = []string{"", ".", "..", "../e", "e/../f", "/e", "e/", "a\x00", "é", "e e", "e\n", "e'", "e.json", `e\f`, "e%2f", strings.Repeat("e", 65), "\xff"}

// hostileKeys: what cannot be a key is refused, whatever is asked.
func hostileKeys(t *testing.T, j journal) {
	for _, epoch := range badEpochs {
		for what, err := range map[string]error{
			"write a session":   j.Write(t.Context(), store.Batch{Sessions: []store.Session{{Epoch: epoch}}}),
			"write a recording": j.Write(t.Context(), store.Batch{Recordings: []store.Recording{{ID: epoch}}}),
			"write a phrase":    j.Write(t.Context(), phrases(phrase(epoch, "es", 1))),
			"erase":             j.Erase(t.Context(), epoch),
		} {
			j.fails(fmt.Sprintf("%s %q", what, epoch), err, store.ErrInvalid)
		}
		_, err := j.Session(t.Context(), epoch)
		j.fails(fmt.Sprintf("read %q", epoch), err, store.ErrInvalid)
	}
	for _, lang := range []string{"", "../es", "e s", "é", strings.Repeat("e", 65)} {
		j.fails(fmt.Sprintf("language %q", lang), j.Write(t.Context(), phrases(phrase("e", lang, 1))), store.ErrInvalid)
		j.fails(fmt.Sprintf("dub %q", lang), j.Write(t.Context(), store.Batch{Dubs: []store.Dub{{Epoch: "e", Lang: lang}}}), store.ErrInvalid)
	}
	_, err := j.Session(t.Context(), "e")
	j.fails("nothing was to be written", err, store.ErrNotFound)
}

// allOrNothing: of a batch with a row that cannot be kept nothing is.
func allOrNothing(t *testing.T, j journal) {
	late := time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for what, bad := range map[string]store.Batch{
		"number of a phrase":  phrases(phrase("e", "es", -1)),
		"largest phrase":      phrases(phrase("e", "es", 1<<53+1)),
		"number of an event":  {Events: []store.Event{{Epoch: "e", Seq: 1<<64 - 1}}},
		"data of an event":    {Events: []store.Event{{Epoch: "e", Data: json.RawMessage(`{"a":`)}}},
		"two data":            {Events: []store.Event{{Epoch: "e", Data: json.RawMessage(`{} {}`)}}},
		"long data":           {Events: []store.Event{{Epoch: "e", Data: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}}},
		"time":                {Sessions: []store.Session{{Epoch: "e", Created: late}}},
		"time of a consent":   {Consents: []store.Consent{{Epoch: "e", At: late}}},
		"file of a recording": {Recordings: []store.Recording{{ID: "e", Languages: []store.RecordedLanguage{{Lang: "es", File: "../x"}}}}},
		"many languages":      {Sessions: []store.Session{{Epoch: "e", To: make([]string, 10_000)}}},
	} {
		b := whole("fine")
		b.Add(bad)
		b.Add(whole("fine-too"))
		j.fails(what, j.Write(t.Context(), b), store.ErrInvalid)
	}
	for _, epoch := range []string{"fine", "fine-too", "e"} {
		_, err := j.Session(t.Context(), epoch)
		j.fails(epoch, err, store.ErrNotFound)
	}
}

// hostileTexts: any text comes back as store.Clean has it, to the last letter.
func hostileTexts(_ *testing.T, j journal) {
	for i, name := range names {
		epoch := fmt.Sprint("e", i)
		b := whole(epoch)
		s, d, p, r := &b.Sessions[0], &b.Dubs[0], &b.Phrases[1], &b.Recordings[0]
		s.Name, s.Node, s.From, s.Profile, s.To = name, name, name, name, []string{name, "es", name}
		d.Ladder = name
		p.SourceLang, p.SourceText, p.Text, p.Outcome, p.Recognizer, p.Translator, p.Voice = name, name, name, name, name, name, name
		b.Events[0].Lang, b.Events[0].Kind = name, name
		r.Session, r.From, r.State, r.Why, r.Engines = name, name, name, name, map[string]string{name: name, "speaker": name}
		j.write(b)
		j.has(epoch, b)
	}
	p := phrase("long", "es", 1)
	p.SourceText, p.Text = strings.Repeat("ñ", 5<<20), strings.Repeat("\x00", 10<<20)
	j.write(phrases(p))
	j.has("long", phrases(p))
	if got := j.read("long").Phrases[0]; len(got.SourceText) > store.MaxText || !strings.HasPrefix(p.SourceText, got.SourceText) {
		j.t.Errorf("10 MB of text became %d bytes", len(got.SourceText))
	}
}

// hostileData: data of events mean the same when they are read back, but for what no database takes.
func hostileData(t *testing.T, j journal) {
	for i, c := range []struct{ in, want string }{
		{`{"b": 1, "a": [null, true, "x"]}`, `{"a":[null,true,"x"],"b":1}`},
		{`{"a":"\u0000", "b\u0000":"\\u0000"}`, `{"a":"\ufffd","b\ufffd":"\\u0000"}`},
		{`"\ud800 half a pair"`, `"\ufffd half a pair"`},
		{"\"\xff\"", `"\ufffd"`},
		{`"<script>&\u2028"`, `"<script>&\u2028"`},
		{`12345678901234567890`, `12345678901234567890`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`null`, ``},
		{``, ``},
	} {
		j.write(store.Batch{Events: []store.Event{{Epoch: "e", Seq: uint64(i), Kind: "x", Data: json.RawMessage(c.in)}}})
		got := j.read("e").Events[i].Data
		if c.want == "" {
			if len(got) != 0 {
				t.Errorf("%q became %q", c.in, got)
			}
			continue
		}
		var is, want any
		if err := errors.Join(json.Unmarshal(got, &is), json.Unmarshal([]byte(c.want), &want)); err != nil || fmt.Sprintf("%#v", is) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s became %s, want %s: %v", c.in, got, c.want, err)
		}
	}
}

// large: one batch may have some thousand rows.
func large(_ *testing.T, j journal) {
	var b store.Batch
	for i := range 3000 {
		p := phrase("e", []string{"de", "es", "fr"}[i/1000], i%1000)
		p.SourceText = "What is said in half a dozen words."
		b.Phrases = append(b.Phrases, p)
	}
	j.write(b)
	j.has("e", b)
}
