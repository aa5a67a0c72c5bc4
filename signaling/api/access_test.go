package api

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// evil is what a browser adds to what a page of another origin sends.
var evil = []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}

// afar is a caller on another machine, by a name of the server's, with a bearer.
func afar(token string) []string {
	return []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Host", "live.example", "Authorization", "Bearer " + token}
}

// busy opens a desk whose session "talk" has said something, in two languages.
func busy(t *testing.T) *rig {
	r := open(t)
	get := r.Desk.GetFunc
	r.Desk.GetFunc = func(id string) (signaling.Info, error) {
		i, err := get(id)
		phrases := []signaling.Phrase{{SourceText: "a secret", Text: "un secreto"}}
		i.Dubs = map[inference.Lang]signaling.DubInfo{"es": {Ladder: "voice", Phrases: phrases}, "ca": {Ladder: "voice", Phrases: phrases}}
		return i, err
	}
	r.Desk.SetLipsFunc = func(id string, _ map[inference.Lang]bool) (signaling.Info, error) { return r.Desk.Get(id) }
	listenTo(r.Desk)
	return r
}

// TestStrangers have no right, and learn nothing: what is there and what is not look the same to them.
func TestStrangers(t *testing.T) {
	r := busy(t)
	other := signalingtest.Token("other", access.Control, "")
	for name, headers := range map[string][]string{
		"foreign page": evil, "sandboxed page": {"Origin", "null"}, "foreign image": {"Sec-Fetch-Site", "cross-site"}, "own page": {"Origin", r.URL},
		"afar": afar("x"), "with another session's": afar(other), "foreign page with another's": append(afar(other), evil...),
	} {
		for _, c := range [][]string{
			{"GET", "/v1/sessions/talk", ""}, {"GET", "/v1/sessions/talk/events", ""}, {"DELETE", "/v1/sessions/talk", ""},
			{"PATCH", "/v1/sessions/talk", `{"dubs":{"es":{"lips":false}}}`}, {"GET", "/v1/sessions/talk~" + other, ""}, {"DELETE", "/v1/sessions/talk~p.1.x", ""},
		} {
			got := r.Do(c[0], c[1], c[2], headers...)
			missing := r.Do(c[0], strings.Replace(c[1], "talk", "nobody", 1), c[2], headers...)
			if got.Status != 404 || got.Body != missing.Body || strings.Contains(got.Body, "talk") || strings.Contains(got.Body, "en") && strings.Contains(got.Body, `"es"`) {
				t.Errorf("%s: %s %s: %d %s; of no session: %s", name, c[0], c[1], got.Status, got.Body, missing.Body)
			}
		}
		if got := r.Do("GET", "/v1/sessions", "", headers...); got.Status != 404 {
			t.Errorf("%s: lists %s", name, got.Body)
		}
	}
	if _, err := r.Desk.Get("talk"); err != nil {
		t.Error("a stranger ended the session")
	}
}

// TestWhoCreates: the server's own page and the operator do, and state consent.
func TestWhoCreates(t *testing.T) {
	r := busy(t)
	const body = `{"from":"en","to":["es"],"consent":true}`
	for name, c := range map[string]struct {
		headers []string
		made    bool
	}{
		"own page":            {[]string{"Origin", r.URL, "Sec-Fetch-Site", "same-origin"}, true},
		"own page afar":       {[]string{"Origin", "https://live.example", "X-Forwarded-Host", "live.example", "X-Forwarded-For", "192.0.2.1"}, true},
		"program here":        {nil, true},
		"operator afar":       {afar(signalingtest.OperatorToken), true},
		"program afar":        {afar("x"), false},
		"foreign page":        {evil, false},
		"as curl -d would":    {append([]string{"Content-Type", "text/plain"}, evil...), false},
		"sandboxed page":      {[]string{"Origin", "null"}, false},
		"foreign form":        {[]string{"Origin", "https://evil.example"}, false},
		"with another's page": {append([]string{"Authorization", "Bearer " + signalingtest.Token("talk", access.Control, "")}, evil...), false},
	} {
		got := r.Do("POST", "/v1/sessions", body, c.headers...)
		i, err := r.Desk.Get("made")
		if (got.Status == 201) != c.made || (err == nil) != c.made || c.made && i.Consent == nil {
			t.Errorf("%s: %d %s, %+v", name, got.Status, got.Body, i)
		}
		if !c.made && got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: may read the answer", name)
		}
		_ = r.Desk.Delete("made") // where it was made
	}
}

// TestCapabilities: what each lets its bearer see and do, from any origin.
func TestCapabilities(t *testing.T) {
	r := busy(t)
	_, made, _ := r.do("GET", "/v1/sessions/talk", "")
	at := func(key string) string { return strings.TrimPrefix(made[key].(string), r.URL) }
	control := at("control")
	token := func(path string) string { _, t := access.Cut(strings.TrimSuffix(path, "/events")); return t }
	for _, path := range []string{control, "/v1/sessions/talk"} {
		headers := append([]string{"Authorization", "Bearer " + token(control)}, evil...)
		status, got, h := r.do("GET", path, "", headers...)
		if status != 200 || got["control"] != made["control"] || got["whip"] == nil || got["watch"] == nil || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("control at %s: %d %v", path, status, got)
		}
		if p := got["dubs"].(map[string]any)["es"].(map[string]any)["phrases"]; p == nil {
			t.Error("who controls a session does not see what was said")
		}
	}

	for name, c := range map[string]struct {
		path  string
		langs string
	}{
		"all": {strings.TrimSuffix(at("events"), "/events"), "ca en es"},
		"es":  {"/v1/sessions/talk~" + signalingtest.Token("talk", access.Watch, "es"), "es"},
	} {
		status, got, _ := r.do("GET", c.path, "", evil...)
		if status != 200 || got["whip"] != nil || got["control"] != nil || got["watch"] != nil {
			t.Fatalf("watching %s: %d %v", name, status, got)
		}
		var langs []string
		for _, l := range []string{"ca", "en", "es"} {
			if at, ok := got["whep"].(map[string]any)[l].(string); ok {
				langs = append(langs, l)
				if want := r.URL + "/whep/talk~" + token(c.path) + "/" + l; at != want {
					t.Errorf("watching %s: %s, want %s: a watcher hands on what they have", name, at, want)
				}
			}
			if dub, ok := got["dubs"].(map[string]any)[l].(map[string]any); ok && (dub["phrases"] != nil || !strings.Contains(c.langs, l)) {
				t.Errorf("watching %s: sees %v of %s", name, dub, l)
			}
		}
		if strings.Join(langs, " ") != c.langs || got["events"] != r.URL+c.path+"/events" {
			t.Errorf("watching %s: %v", name, got)
		}
		for _, m := range []string{"PATCH", "DELETE"} {
			if got := r.Do(m, c.path, `{"dubs":{"es":{"lips":false}}}`, evil...); got.Status != 404 {
				t.Errorf("watching %s: %s: %d", name, m, got.Status)
			}
		}
	}

	publisher := "/v1/sessions/talk~" + signalingtest.Token("talk", access.Publish, "")
	for _, c := range [][]string{{"GET", publisher}, {"GET", publisher + "/events"}, {"DELETE", publisher}} {
		if got := r.Do(c[0], c[1], "", evil...); got.Status != 404 {
			t.Errorf("a publisher's %s %s: %d", c[0], c[1], got.Status)
		}
	}

	if status, _, _ := r.do("PATCH", control, `{"dubs":{"es":{"lips":false}}}`, evil...); status != 200 {
		t.Errorf("PATCH: %d", status)
	}
	if got := r.Do("OPTIONS", control, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "DELETE"); got.Status != 204 || got.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight: %d %v", got.Status, got.Header)
	}
	if status, _, _ := r.do("DELETE", control, "", evil...); status != 204 {
		t.Errorf("DELETE: %d", status)
	}
	if status, _, _ := r.do("GET", control, ""); status != 404 {
		t.Errorf("GET after it: %d", status)
	}
}

// TestEventsOfOneLanguage: who may watch one language reads no other.
func TestEventsOfOneLanguage(t *testing.T) {
	r := open(t)
	src := listenTo(r.Desk)
	resp := r.Start(r.Request("GET", "/v1/sessions/talk~"+signalingtest.Token("talk", access.Watch, "es")+"/events", "", evil...))
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.StatusCode)
	}
	for _, l := range []inference.Lang{"en", "ca", "es"} {
		src.events <- signaling.Event{Caption: &signaling.Caption{Lang: l, Text: "in " + string(l)}}
		src.events <- signaling.Event{Ladder: &signaling.LadderChange{Lang: l, Level: "captions", At: time.Second}}
	}
	close(src.events)
	all := readAll(t, resp)
	if n := strings.Count(all, "event: "); n != 3 || !strings.Contains(all, "in es") || strings.Contains(all, `"ca"`) {
		t.Errorf("%d events: %s", n, all)
	}
}

// TestExpiredInTheMiddle: who follows events by a capability is told when that is over.
func TestExpiredInTheMiddle(t *testing.T) {
	r := busy(t)
	path := "/v1/sessions/talk~" + signalingtest.TokenFor(2*time.Second, "talk", access.Watch, "es") + "/events"
	resp := r.Start(r.Request("GET", path, "", evil...))
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	r.until(lines, "event: end")
	r.until(lines, `data: {"reason":"the token has expired"}`)
	if got := r.Do("GET", path, "", evil...); got.Status != 404 {
		t.Errorf("by what is over: %d", got.Status)
	}
}
