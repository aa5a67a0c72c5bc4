package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the endpoint before a desk with the session "talk".
type rig struct {
	signalingtest.Rig
	endpoint *Server
}

func open(t *testing.T) *rig {
	d := signalingtest.NewDesk("talk")
	endpoint := New(Config{Sessions: d, Heartbeat: 20 * time.Millisecond, Refused: func() uint64 { return 7 }})
	return &rig{signalingtest.Open(t, d, endpoint), endpoint}
}

// do sends a request and reads the answer's JSON.
func (r *rig) do(method, path, body string, headers ...string) (int, map[string]any, http.Header) {
	r.Helper()
	got := r.Do(method, path, body, headers...)
	var v map[string]any
	if got.Body != "" {
		if err := json.Unmarshal([]byte(got.Body), &v); err != nil {
			r.Fatalf("%s %s: no JSON: %s", method, path, got.Body)
		}
	}
	if any := got.Header.Get("Access-Control-Allow-Origin") == "*"; any == (path == "/v1/sessions" || path == "/v1/languages") {
		r.Errorf("%s %s: open to any origin: %v", method, path, any)
	}
	return got.Status, v, got.Header
}

func TestCreate(t *testing.T) {
	r := open(t)
	// As curl -d sends it: the type says that it is a form.
	status, got, h := r.do("POST", "/v1/sessions", `{"from":"en","to":["es","ca"],"profile":"sync","delay_ms":4000,"consent":true}`,
		"Content-Type", "application/x-www-form-urlencoded")
	control, _ := got["control"].(string)
	want := map[string]any{
		"id": "made", "epoch": signalingtest.Epoch("made"), "from": "en", "to": []any{"es", "ca"}, "profile": "sync", "delay_ms": 4000.0,
		"whip":    r.URL + "/whip/made",
		"whep":    map[string]any{"es": r.URL + "/whep/made/es", "ca": r.URL + "/whep/made/ca", "en": r.URL + "/whep/made/en"},
		"events":  r.URL + "/v1/sessions/made/events",
		"control": r.URL + "/v1/sessions/made",
		"watch":   map[string]any{"es": r.URL + "/#/watch/made/es", "ca": r.URL + "/#/watch/made/ca", "en": r.URL + "/#/watch/made/en"},
	}
	if plain := withoutTokens(got); status != 201 || !reflect.DeepEqual(plain, want) || r.URL+h.Get("Location") != control {
		t.Errorf("%d %v\nwant %v, at %s", status, plain, want, h.Get("Location"))
	}
	if i, err := r.Desk.Get("made"); err != nil || i.Consent == nil || !i.Badge {
		t.Errorf("%+v %v", i, err)
	}
	if _, got, _ := r.do("GET", "/v1/sessions/made", ""); got["consent"] != true || got["consent_at"] == nil || got["badge"] != true {
		t.Errorf("%v", got)
	}
	r.do("DELETE", "/v1/sessions/made", "")
	r.do("POST", "/v1/sessions", `{"from":"en","to":["es"],"badge":false}`)
	if _, got, _ := r.do("GET", "/v1/sessions/made", ""); got["consent"] != false || got["consent_at"] != nil || got["badge"] != false {
		t.Errorf("%v", got)
	}
}

var token = regexp.MustCompile(`~[cpw][-.a-z0-9]+\.[\w-]{22}`)

// withoutTokens takes the capabilities out of an answer's addresses.
func withoutTokens(answer map[string]any) map[string]any {
	b, err := json.Marshal(answer)
	if err != nil {
		panic(err) // it was JSON before
	}
	var plain map[string]any
	if err := json.Unmarshal(token.ReplaceAll(b, nil), &plain); err != nil {
		panic(err)
	}
	return plain
}

func TestCreateBehindAProxy(t *testing.T) {
	r := open(t)
	_, got, h := r.do("POST", "/v1/sessions", `{"from":"en","to":["es"]}`,
		"X-Forwarded-Proto", "https", "X-Forwarded-Host", "live.example", "X-Forwarded-Prefix", "/dub")
	if whip := withoutTokens(got)["whip"]; whip != "https://live.example/dub/whip/made" || !strings.HasPrefix(h.Get("Location"), "/dub/v1/sessions/made~c.") {
		t.Errorf("%v %v", got, h)
	}
}

func TestCreateRefuses(t *testing.T) {
	r := open(t)
	for name, c := range map[string]struct {
		body   string
		status int
		text   string
	}{
		"nothing":       {"", 400, "empty"},
		"no JSON":       {"from=en&to=es", 400, "no JSON"},
		"misspelt":      {`{"form":"en","to":["es"]}`, 400, `did you mean "from"?`},
		"wrong type":    {`{"from":"en","to":"es"}`, 400, `"to": got a string, want a list`},
		"no target":     {`{"from":"en","to":[]}`, 400, `"to" is missing`},
		"too long":      {`{"from":"` + strings.Repeat("e", 70000) + `"}`, 413, "65536 bytes"},
		"hostile codes": {`{"from":"en","to":["../../x"]}`, 400, "ISO 639-1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.T = t
			status, got, _ := r.do("POST", "/v1/sessions", c.body)
			if msg, _ := got["error"].(string); status != c.status || !strings.Contains(msg, c.text) || got["hint"] == "" {
				t.Errorf("%d %v, want %d %q", status, got, c.status, c.text)
			}
		})
	}
}

func TestManagersErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"pair":    {signaling.ErrUnsupportedPair.Errorf("en->xx is not among en->es, en->ca"), 422},
		"full":    {signaling.ErrFull, 503},
		"missing": {signaling.ErrNotFound, 404},
		"other":   {errors.New("disk on fire"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			r.Desk.CreateFunc = func(context.Context, signaling.Request) (signaling.Info, error) { return signaling.Info{}, c.err }
			r.Desk.GetFunc = func(string) (signaling.Info, error) { return signaling.Info{}, c.err }
			r.Desk.SetLipsFunc = func(string, map[inference.Lang]bool) (signaling.Info, error) { return signaling.Info{}, c.err }
			r.Desk.DeleteFunc = func(string) error { return c.err }
			missing := errors.Is(c.err, signaling.ErrNotFound)
			for _, call := range [][]string{{"POST", "/v1/sessions", `{"from":"en","to":["es"]}`}, {"GET", "/v1/sessions/x", ""},
				{"PATCH", "/v1/sessions/x", `{"dubs":{"es":{"lips":false}}}`}, {"DELETE", "/v1/sessions/x", ""}} {
				status, got, h := r.do(call[0], call[1], call[2])
				want := signaling.Explain(c.err).Message
				if missing && call[0] != "POST" { // in the words for what there is no right to
					want = signaling.Explain(signaling.Nothing()).Message
				}
				if status != c.status || got["error"] != want {
					t.Errorf("%v: %d %v", call, status, got)
				}
				if (h.Get("Retry-After") != "") != (c.status == 503) {
					t.Errorf("Retry-After %q", h.Get("Retry-After"))
				}
			}
		})
	}
}

func TestGetListDelete(t *testing.T) {
	r := open(t)
	late, now := 120.5, 7.25
	get := r.Desk.GetFunc
	r.Desk.GetFunc = func(id string) (signaling.Info, error) {
		i, err := get(id)
		i.State, i.Now = "live", &now
		i.Dubs = map[inference.Lang]signaling.DubInfo{"es": {Ladder: "voice", Why: "switched off", Lips: "off", LateMS: signaling.Figures{"p50": &late, "p95": nil}, Viewers: 2}}
		return i, err
	}
	status, got, _ := r.do("GET", "/v1/sessions/talk", "")
	if status != 200 || got["state"] != "live" || got["now"] != 7.25 || withoutTokens(got)["whip"] != r.URL+"/whip/talk" {
		t.Errorf("%d %v", status, got)
	}
	want := map[string]any{
		"ladder": "voice", "why": "switched off", "lips": "off", "late_ms": map[string]any{"p50": 120.5, "p95": nil}, "ear_voice_span_ms": map[string]any{},
		"av_offset_ms": map[string]any{}, "frames": map[string]any{}, "viewers": 2.0,
	}
	if es := got["dubs"].(map[string]any)["es"]; !reflect.DeepEqual(es, want) {
		t.Errorf("%v\nwant %v", es, want)
	}

	_, got, _ = r.do("GET", "/v1/sessions", "")
	if list, _ := got["sessions"].([]any); len(list) != 1 || list[0].(map[string]any)["id"] != "talk" {
		t.Errorf("%v", got)
	}
	if r, _ := got["recognizer"].(map[string]any); r["refused_units"] != 7. {
		t.Errorf("%v", got)
	}
	if status, _, _ := r.do("DELETE", "/v1/sessions/talk?erase=now", ""); status != 400 {
		t.Errorf("DELETE with erase=now: %d", status)
	}
	if status, _, _ := r.do("DELETE", "/v1/sessions/talk", ""); status != 204 {
		t.Errorf("DELETE: %d", status)
	}
	if status, _, _ := r.do("DELETE", "/v1/sessions/talk", ""); status != 404 {
		t.Errorf("DELETE again: %d", status)
	}
	if status, got, _ := r.do("GET", "/v1/sessions", ""); status != 200 || got["sessions"] == nil {
		t.Errorf("an empty list is a list: %v", got)
	}
	if status, _, h := r.do("PUT", "/v1/sessions/talk", ""); status != 405 || h.Get("Allow") != "OPTIONS, GET, PATCH, DELETE" {
		t.Errorf("PUT: %d %v", status, h)
	}
	if status, _, h := r.do("OPTIONS", "/v1/sessions", ""); status != 204 || h.Get("Access-Control-Allow-Methods") != "OPTIONS, GET, POST" {
		t.Errorf("OPTIONS: %d %v", status, h)
	}
}

// TestPathsThatAreNone: do reads JSON, and nothing else.
func TestPathsThatAreNone(t *testing.T) {
	r := open(t)
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v1/sessions/", "/v1/sessions/talk/nothing"} {
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if status, got, _ := r.do(m, path, ""); status != 404 || !strings.Contains(got["hint"].(string), "/v1/languages") {
				t.Errorf("%s %s: %d %v", m, path, status, got)
			}
		}
	}
}

func TestChange(t *testing.T) {
	r := open(t)
	var asked map[inference.Lang]bool
	r.Desk.SetLipsFunc = func(id string, on map[inference.Lang]bool) (signaling.Info, error) {
		asked = on
		return r.Desk.Get(id)
	}
	status, got, _ := r.do("PATCH", "/v1/sessions/talk", `{"dubs":{"es":{"lips":false},"ca":{"lips":true}}}`)
	if want := map[inference.Lang]bool{"es": false, "ca": true}; status != 200 || got["id"] != "talk" || !reflect.DeepEqual(asked, want) {
		t.Errorf("%d %v, asked for %v", status, got, asked)
	}
	asked = nil
	for body, text := range map[string]string{
		"":                               "empty",
		`{}`:                             "nothing to change",
		`{"dubs":{}}`:                    "nothing to change",
		`{"dubs":{"es":{}}}`:             "nothing to change",
		`{"dub":{"es":{"lips":false}}}`:  `did you mean "dubs"?`,
		`{"dubs":["es"]}`:                "want an object",
		`{"dubs":{"es":false}}`:          `dub "es": not a JSON object`,
		`{"dubs":{"es":null}}`:           `dub "es": not a JSON object`,
		`{"dubs":{"es":{"lip":false}}}`:  `did you mean "lips"?`,
		`{"dubs":{"es":{"lips":"off"}}}`: "want true or false",
	} {
		status, got, _ := r.do("PATCH", "/v1/sessions/talk", body)
		if msg, _ := got["error"].(string); status != 400 || !strings.Contains(msg, text) || got["hint"] == "" || asked != nil {
			t.Errorf("%s: %d %v, want %q", body, status, got, text)
		}
	}
}

// TestChangeTargets: a list of languages reaches the sessions as it was sent, alone
// or with what becomes of the dubs; what is no such list changes nothing.
func TestChangeTargets(t *testing.T) {
	r := open(t)
	var asked []string
	r.Desk.SetTargetsFunc = func(id string, to []inference.Lang) (signaling.Info, error) {
		asked = append(asked, fmt.Sprint(id, to))
		if slices.Contains(to, "xx") {
			return signaling.Info{}, signaling.ErrBadRequest.Errorf("en->xx: not supported")
		}
		i, err := r.Desk.Get(id)
		i.To = to
		return i, err
	}
	r.Desk.SetLipsFunc = func(id string, on map[inference.Lang]bool) (signaling.Info, error) {
		asked = append(asked, fmt.Sprint(id, on))
		return r.Desk.Get(id)
	}
	status, got, _ := r.do("PATCH", "/v1/sessions/talk", `{"to":["es","fr"]}`)
	endpoints, _ := got["whep"].(map[string]any)
	if status != 200 || fmt.Sprint(got["to"]) != "[es fr]" || endpoints["fr"] == nil || endpoints["en"] == nil || endpoints["ca"] != nil {
		t.Errorf("%d %v", status, got)
	}
	if status, got, _ := r.do("PATCH", "/v1/sessions/talk", `{"to":["ca"],"dubs":{"ca":{"lips":false}}}`); status != 200 {
		t.Errorf("with a dub: %d %v", status, got)
	}
	if want := []string{"talk[es fr]", "talk[ca]", "talkmap[ca:false]"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	status, got, _ = r.do("PATCH", "/v1/sessions/talk", `{"to":["es","xx"],"dubs":{"es":{"lips":false}}}`)
	if msg, _ := got["error"].(string); status != 400 || !strings.Contains(msg, "not supported") || len(asked) != 4 {
		t.Errorf("a language that the sessions refuse: %d %v, asked for %q", status, got, asked)
	}
	asked = nil
	for body, text := range map[string]string{
		`{"to":[]}`:     `"to" is missing: list the languages wanted`,
		`{"to":null}`:   "nothing to change",
		`{"to":"es"}`:   "want",
		`{"to":[1]}`:    "want",
		`{"to":["ES"]}`: "give an ISO 639-1 code",
		`{"to":[""]}`:   "give an ISO 639-1 code",
		`{"to":["` + strings.Repeat(`es","`, 16) + `es"]}`: "16 at most",
		`{"to":["es"],"to":["ca"]}`:                        "twice",
		`{"too":["es"]}`:                                   `did you mean "to"?`,
	} {
		status, got, _ := r.do("PATCH", "/v1/sessions/talk", body)
		if msg, _ := got["error"].(string); status != 400 || !strings.Contains(msg, text) || asked != nil {
			t.Errorf("%s: %d %v, want %q; asked for %q", body, status, got, text, asked)
		}
	}
	if status, got, _ := r.do("PATCH", "/v1/sessions/none", `{"to":["es"]}`); status != 404 || asked != nil {
		t.Errorf("no such session: %d %v", status, got)
	}
}

func TestLanguages(t *testing.T) {
	r := open(t)
	r.Desk.PairsFunc = func() []signaling.PairInfo { return []signaling.PairInfo{{From: "en", To: "es", Quality: "demo"}} }
	_, got, _ := r.do("GET", "/v1/languages", "")
	if want := map[string]any{"pairs": []any{map[string]any{"from": "en", "to": "es", "quality": "demo"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	r.Desk.PairsFunc = func() []signaling.PairInfo { return nil }
	if _, got, _ = r.do("GET", "/v1/languages", ""); got["pairs"] == nil {
		t.Errorf("none is a list too: %v", got)
	}
}

func FuzzCreate(f *testing.F) {
	desk := signalingtest.NewDesk()
	desk.CreateFunc = func(_ context.Context, r signaling.Request) (signaling.Info, error) {
		return signaling.Info{ID: "x", From: r.From, To: r.To}, r.Check()
	}
	endpoint := New(Config{Sessions: desk})
	f.Cleanup(endpoint.Close)
	mux := http.NewServeMux()
	endpoint.Register(mux)
	guarded := signalingtest.Access().Guard(mux)
	for _, s := range []string{`{"from":"en","to":["es"]}`, `{"from":"en","to":["es","es"]}`, `{"to":[null]}`, `{"delay_ms":1e99}`, "\xff", `{"from":{}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", "http://dub.example/v1/sessions", strings.NewReader(body))
		req.Header.Set("Origin", "http://dub.example")
		guarded.ServeHTTP(w, req)
		if (w.Code != 201 && w.Code != 400 && w.Code != 413 && w.Code != 429) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// TestErase: erase=true erases, and nothing else does.
func TestErase(t *testing.T) {
	for query, want := range map[string]string{"": "ended", "?erase=false": "ended", "?erase=true": "erased"} {
		r := open(t)
		did := ""
		r.Desk.DeleteFunc = func(string) error { did += "ended"; return nil }
		r.Desk.EraseFunc = func(string) error { did += "erased"; return nil }
		if status, _, _ := r.do("DELETE", "/v1/sessions/talk"+query, ""); status != 204 || did != want {
			t.Errorf("%q: %d, %s", query, status, did)
		}
	}
}
