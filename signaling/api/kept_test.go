package api

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
	"livedub/store"
)

// TestRecordingsBySignedTokens: a signed token gives in the recordings of the sessions of
// its name what it gives in these, and in others nothing.
func TestRecordingsBySignedTokens(t *testing.T) {
	r, s := keeping(t)
	id := "/v1/recordings/" + url.PathEscape(taped)
	callers := 0 // each at another address, for each has its limit of requests
	at := func(token string) []string {
		callers++
		return append(afar(token), "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", callers))
	}
	by := func(session string, grants ...string) []string {
		return at(signalingtest.Signed(session, time.Hour, grants...))
	}
	paths := []string{"", "/en/index.m3u8", "/es/index.m3u8", "/es/transcript.json", "/es.vtt", "/es.srt", "/es.mp4", "/es/a/00000001.m4s", "/en.vtt"}
	for name, c := range map[string]struct {
		headers []string
		es, en  int
	}{
		"watch":            {by("talk", "watch"), 200, 200},
		"watch all":        {by(access.AnySession, "watch"), 200, 200},
		"watch Spanish":    {by("talk", "watch:es"), 200, 404},
		"watch, twice":     {by("talk", "watch:es", "watch:en"), 200, 200},
		"control":          {by("talk", "control"), 200, 200},
		"publish":          {by("talk", "publish"), 404, 404},
		"create":           {by("talk", "create"), 404, 404},
		"another's":        {by("other", "control"), 404, 404},
		"expired":          {at(signalingtest.Signed("talk", time.Nanosecond, "control")), 404, 404},
		"broken":           {at(signalingtest.Signed("talk", time.Hour, "control") + "x"), 404, 404},
		"by a foreign one": {append(by("other", "control"), evil...), 404, 404},
	} {
		for _, p := range paths {
			missing := r.Do("GET", "/v1/recordings/nobody"+p, "", c.headers...)
			want := c.es
			if strings.HasPrefix(p, "/en") {
				want = c.en
			}
			got := r.Do("GET", id+p, "", c.headers...)
			if got.Status != want || want == 404 && (got.Body != missing.Body || strings.Contains(got.Body, "talk")) {
				t.Errorf("%s: %s: %d %s, want %d", name, p, got.Status, got.Body, want)
			}
		}
	}
	token := signalingtest.Signed("talk", time.Hour, "watch:es")
	if got := r.Do("GET", id+"~"+token+"/es/index.m3u8", "", evil...); got.Status != 200 || got.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("in the path: %d", got.Status)
	}
	status, got := r.json(id, afar(token)...)
	langs, _ := got["languages"].([]any)
	if status != 200 || len(langs) != 1 || got["control"] != nil || !strings.Contains(langs[0].(map[string]any)["file"].(string), "~"+token+"/es.mp4") {
		t.Errorf("%d %v", status, got)
	}
	for name, headers := range map[string][]string{"watch": by("talk", "watch"), "publish": by("talk", "publish"), "another's": by("other", "control")} {
		if got := r.Do("DELETE", id, "", headers...); got.Status != 404 || len(s.deleted) != 0 {
			t.Errorf("DELETE by %s: %d", name, got.Status)
		}
	}
	s.err = store.ErrUnavailable
	if got := r.Do("GET", id, "", by("talk", "watch")...); got.Status != 503 {
		t.Errorf("while the store is away: %d", got.Status)
	}
	s.err = nil
	if got := r.Do("DELETE", id, "", by("talk", "control")...); got.Status != 204 || len(s.deleted) != 1 {
		t.Errorf("DELETE by control: %d", got.Status)
	}
}

// TestRecordingsHandedOut: what the bearer of a token with control hands out works, and
// ends with the token.
func TestRecordingsHandedOut(t *testing.T) {
	r, _ := keeping(t)
	token := signalingtest.Signed("talk", time.Hour, "control")
	_, got := r.json("/v1/recordings/"+url.PathEscape(taped), afar(token)...)
	control, es := got["control"].(string), got["languages"].([]any)[1].(map[string]any)["captions"].(string)
	control, es = control[strings.Index(control, "/v1/"):], es[strings.Index(es, "/v1/"):]
	for _, path := range []string{control, es} {
		if strings.Contains(path, token) {
			t.Errorf("%s bears the token itself", path)
		}
		if got := r.Do("GET", path, "", evil...); got.Status != 200 {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
	signalingtest.Revoke(token)
	for _, path := range []string{control, es} {
		if got := r.Do("GET", path, "", evil...); got.Status != 404 {
			t.Errorf("%s after it was revoked: %d", path, got.Status)
		}
	}
}

// TestRecordingsListedByToken: a token lists the recordings of its name alone.
func TestRecordingsListedByToken(t *testing.T) {
	r, s := keeping(t)
	for name, c := range map[string]struct {
		session, query, asked string
		grants                []string
		status, n             int
	}{
		"its own":          {"talk", "", "talk", []string{"watch"}, 200, 1},
		"its own, by name": {"talk", "?session=talk", "talk", []string{"control"}, 200, 1},
		"another's":        {"talk", "?session=other", "", []string{"control"}, 404, 0},
		"all":              {access.AnySession, "", "", []string{"watch"}, 200, 1},
		"one of all":       {access.AnySession, "?session=other", "other", []string{"watch"}, 200, 1},
		"not recorded":     {"talk", "", "talk", []string{"watch:fr"}, 200, 0},
		"a publisher":      {"talk", "", "", []string{"publish"}, 404, 0},
		"a creator":        {access.AnySession, "", "", []string{"create"}, 404, 0},
	} {
		s.asked = nil
		status, got := r.json("/v1/recordings"+c.query, afar(signalingtest.Signed(c.session, time.Hour, c.grants...))...)
		list, _ := got["recordings"].([]any)
		if status != c.status || len(list) != c.n || c.status == 200 && (len(s.asked) != 1 || s.asked[0].Session != c.asked) || c.status != 200 && len(s.asked) > 0 {
			t.Errorf("%s: %d %v, asked for %+v", name, status, got, s.asked)
		}
	}
}

// TestDownloadEndsWithItsRight: who downloads by a token that is revoked meanwhile is let go.
func TestDownloadEndsWithItsRight(t *testing.T) {
	r, s := keeping(t)
	s.holds = make(chan struct{})
	s.video = bytes.Repeat([]byte("x"), 1<<20)
	token := signalingtest.Signed("talk", time.Hour, "watch")
	resp := r.Start(r.Request("GET", "/v1/recordings/"+url.PathEscape(taped)+"/es.mp4?through=server", "", afar(token)...))
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	signalingtest.Revoke(token)
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes more, as if all had come", n)
	}
	r.Eventually("the download ends", func() bool { return r.Serving() == 0 })
}

// TestNamesAreBounded: what is remembered of recordings does not grow for ever.
func TestNamesAreBounded(t *testing.T) {
	var n names
	for i := range 3*maxNames + 1 {
		n.put(strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), "talk")
	}
	if len(n.by) == 0 || len(n.by) > maxNames {
		t.Errorf("%d names", len(n.by))
	}
}
