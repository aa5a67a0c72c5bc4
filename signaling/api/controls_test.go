package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// TestControls: what is sent of a dub's sound reaches the sessions, and is shown; what
// cannot be is refused and changes nothing.
func TestControls(t *testing.T) {
	r := open(t)
	var asked []signaling.Controls
	r.Desk.ControlFunc = func(id string, c signaling.Controls) (signaling.Info, error) {
		asked = append(asked, c)
		i, err := r.Desk.Get(id)
		i.Dubs = map[inference.Lang]signaling.DubInfo{"es": {DubControls: signaling.DubControls{Muted: true, Voice: "female", GainDB: -3, Original: "bed"}}}
		return i, err
	}
	status, got, _ := r.do("PATCH", "/v1/sessions/talk", `{"dubs":{"es":{"muted":true,"paused":false,"voice":"female","gain_db":-3,"original":"bed"}}}`)
	want := signaling.Controls{
		Dubs: map[inference.Lang]signaling.DubChange{"es": {Muted: new(true), Paused: new(false), Voice: new("female"), GainDB: new(-3.), Original: new("bed")}},
	}
	if status != 200 || len(asked) != 1 || !reflect.DeepEqual(asked[0], want) {
		t.Fatalf("%d, asked for %+v", status, asked)
	}
	es, _ := got["dubs"].(map[string]any)["es"].(map[string]any)
	if es["muted"] != true || es["voice"] != "female" || es["gain_db"] != -3. || es["original"] != "bed" {
		t.Errorf("%v", got)
	}
	for body, text := range map[string]string{
		`{"delay_ms":2000}`:                    "fixed when a session is made",
		`{"dubs":{"es":{"mutd":true}}}`:        `did you mean "muted"?`,
		`{"dubs":{"es":{"gain_db":"loud"}}}`:   "want a number",
		`{"dubs":{"es":{"muted":1}}}`:          "want true or false",
		`{"dubs":{"es":{"gain_db":1e999}}}`:    "",
		`{"dubs":{"es":{"lips":null}}}`:        "nothing to change",
		`{"dubs":{"es":{"original":["bed"]}}}`: "",
	} {
		if status, got, _ := r.do("PATCH", "/v1/sessions/talk", body); status != 400 || !strings.Contains(got["error"].(string), text) || len(asked) != 1 {
			t.Errorf("%s: %d %v", body, status, got)
		}
	}
}

// TestDump: who controls a session drops what was said; nobody else does.
func TestDump(t *testing.T) {
	r := open(t)
	dumps := 0
	r.Desk.DumpFunc = func(string) (signaling.Dumped, error) {
		dumps++
		return signaling.Dumped{From: 12 * time.Second, To: 16 * time.Second, Phrases: []int{3, 4}}, nil
	}
	at := func(role access.Role) string {
		return "/v1/sessions/talk~" + signalingtest.Token("talk", role, "") + "/dump"
	}
	for _, role := range []access.Role{access.Watch, access.Publish} {
		if got := r.Do("POST", at(role), "", evil...); got.Status != 404 || dumps != 0 {
			t.Errorf("%s: %d, %d dumps", role, got.Status, dumps)
		}
	}
	if got := r.Do("GET", at(access.Control), "", evil...); got.Status != 405 || dumps != 0 {
		t.Errorf("GET: %d", got.Status)
	}
	got := r.Do("POST", at(access.Control), "", evil...)
	var is map[string]any
	if err := json.Unmarshal([]byte(got.Body), &is); err != nil || got.Status != 200 || dumps != 1 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if want := (map[string]any{"from": 12., "to": 16., "phrases": []any{3., 4.}}); !reflect.DeepEqual(is, want) {
		t.Errorf("%v", is)
	}
}

// TestSpoken: how dubs are spoken is told to those who ask, of languages that they may
// watch; that something was dumped is told to all.
func TestSpoken(t *testing.T) {
	r := open(t)
	src := listenTo(r.Desk)
	es := signalingtest.Token("talk", access.Watch, "es")
	for query, wants := range map[string]bool{"": false, "?detail=visemes": true, "?detail=x": false} {
		src.events = make(chan signaling.Event, 16)
		src.events <- signaling.Event{Seq: 4, Spoken: &signaling.Spoken{Lang: "ca", ID: 1, Text: "secret"}}
		src.events <- signaling.Event{Seq: 5, Spoken: &signaling.Spoken{
			Lang: "es", ID: 1, Text: "va", Voice: "v", Start: time.Second, End: 2 * time.Second, Words: []inference.Word{{Text: "va", Start: time.Second, End: 2 * time.Second}},
			Marks: []inference.Mark{{IPA: "v", Viseme: inference.VisemeFF, At: time.Second, Dur: 500 * time.Millisecond}, {IPA: "a", Viseme: inference.VisemeA, At: 1500 * time.Millisecond, Dur: 500 * time.Millisecond}},
		}}
		src.events <- signaling.Event{Seq: 6, Dumped: &signaling.Dumped{From: time.Second, To: 5 * time.Second}}
		src.events <- signaling.Event{Seq: 7, Moved: &signaling.Moved{}}
		resp := r.Start(r.Request("GET", "/v1/sessions/talk~"+es+"/events"+query, "", evil...))
		got := readAll(t, resp)
		resp.Body.Close()
		want := "retry: 1000\n\n" +
			`id: 5` + "\nevent: spoken\n" + `data: {"lang":"es","id":1,"text":"va","voice":"v","start":1,"end":2,"visemes":"livedub-15","words":[{"text":"va","start":1,"end":2}],` +
			`"phonemes":[{"ipa":"v","viseme":"FF","start":1,"end":1.5},{"ipa":"a","viseme":"A","start":1.5,"end":2}]}` + "\n\n" +
			"id: 6\nevent: dumped\ndata: {\"from\":1,\"to\":5,\"phrases\":[]}\n\nid: 7\nevent: moved\ndata: {\"fence\":0}\n\n"
		if src.since.Spoken != wants || got != want {
			t.Errorf("%q: %+v\n%s\nwant\n%s", query, src.since, got, want)
		}
	}
}
