package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/testspeaker"
)

//go:embed testdata/stranger.js
var strangerJS string

//go:embed testdata/guest.js
var guestJS string

// site serves an empty page: of another origin than livedub's. It returns its
// address by number, which is of the same site, and by name, which is not.
func site(t *testing.T) (number, name string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>elsewhere</title>"))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
}

// inPage opens a page and calls a function of JavaScript there with arguments as JSON.
func inPage[T any](t *testing.T, ctx context.Context, page, function string, args ...any) T {
	t.Helper()
	var list []string
	for _, a := range args {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf("(%s)(%s)", strings.TrimSuffix(strings.TrimSpace(withoutComment(function)), ";"), strings.Join(list, ",")), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return got
}

// withoutComment drops the lines that tell what a script is for.
func withoutComment(js string) string {
	for strings.HasPrefix(js, "//") {
		_, js, _ = strings.Cut(js, "\n")
	}
	return js
}

// running is a call with its addresses, as POST answers them.
type running struct {
	ID      string            `json:"id"`
	WHIP    string            `json:"whip"`
	WHEP    map[string]string `json:"whep"`
	Events  string            `json:"events"`
	Control string            `json:"control"`
	Watch   map[string]string `json:"watch"`
}

// TestStrangersInTheBrowser: no page of another origin lists, watches, changes or
// ends a call on this machine, or starts one; by the address that it was made
// for, by another name of it, nor by one that was made to point here.
func TestStrangersInTheBrowser(t *testing.T) {
	const rebound = "evil.example"
	s := serve(t, fakes...)
	var call running
	if code, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":500,"consent":true}`, &call); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	publish(t, s, "/whip/"+call.ID, record(t, testspeaker.Config{Width: 320, Height: 180}, 30*time.Second), nil)
	state := func() string {
		var all struct {
			Sessions []struct {
				ID, State string
				Consent   bool
				Dubs      map[string]struct {
					Lips    string
					Viewers int
				}
			}
		}
		s.call(t, "GET", "/v1/sessions", "", &all)
		return fmt.Sprintf("%+v", all)
	}
	until(t, "the call is live", func() bool { return strings.Contains(state(), "State:live") })
	before := state()

	ctx := browser(t, "", "", "host-resolver-rules=MAP "+rebound+" 127.0.0.1")
	number, name := site(t)
	port := s.base[strings.LastIndexByte(s.base, ':'):]
	for _, at := range []string{number, name} {
		for _, server := range []string{s.base, "http://localhost" + port} {
			for what, got := range inPage[map[string]string](t, ctx, at, strangerJS, server, call.ID) {
				if got != "404" && got != "refused" {
					t.Errorf("a page at %s may %s at %s: %s", at, what, server, got)
				}
			}
			if now := state(); now != before {
				t.Fatalf("a page at %s changed %s to %s", at, before, now)
			}
		}
	}

	// DNS rebinding: the page's own name leads to the server now, so that it is "same-origin".
	// It has come from elsewhere, before, and so not by the policy that the server's answer has.
	if _, err := chromedp.Call(ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("http://"+rebound+port+"/")); err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil || !strings.Contains(text, rebound) || !strings.Contains(text, "serve.hosts") {
		t.Errorf("by another name the server shows %q, %v", text, err)
	}
	got := inPage[map[string]string](t, ctx, "http://"+rebound+port+"/", strangerJS, "http://"+rebound+port, call.ID)
	for what, got := range got {
		if got != "421" && got != "refused" {
			t.Errorf("a rebound page may %s: %s", what, got)
		}
	}
	if now := state(); now != before {
		t.Errorf("a rebound page changed %s to %s", before, now)
	}

	if _, err := chromedp.Call(ctx, page.SetBypassCSP, page.SetBypassCSPParams{}); err != nil {
		t.Fatal(err)
	}

	// The server's own page is a browser too: it has the rights that it was given, and may create.
	own := inPage[map[string]string](t, ctx, s.base, strangerJS, s.base, call.ID)
	want := maps.Clone(got)
	for what := range want {
		want[what] = map[string]string{"languages": "200", "create": "201", "create as JSON": "201", "events": "refused", "websocket": "open", "websocket of the call": "refused"}[what]
		if want[what] == "" {
			want[what] = "404"
		}
	}
	want["create by naming"] = own["create by naming"] // an offer that only receives: what becomes of it is not judged here
	if !maps.Equal(own, want) {
		t.Errorf("the server's own page may\n%v, want\n%v", own, want)
	}
	if log := s.printed(); strings.Contains(log, "panic") || !strings.Contains(log, "audit=created") || strings.Contains(log, "~") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestGuestsInTheBrowser: a page of another origin that was given the addresses
// of a call publishes and watches; and a link to watch works for whoever has it.
func TestGuestsInTheBrowser(t *testing.T) {
	s := serve(t, fakes...)
	create := func() (call running) {
		if code, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":500}`, &call); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
		return call
	}
	call := create()
	ctx := browser(t, "", "")
	_, page := site(t)
	got := inPage[map[string]any](t, ctx, page, guestJS, call)
	want := map[string]any{
		"publish": 201., "watch": 201., "frame": "320x240", "events": "open", "beyond": "not_found", "websocket": "answer",
		"look as a watcher": 200., "end as a watcher": 404., "look": 200., "leave": "200 200", "end": 204.,
	}
	if !maps.Equal(got, want) {
		t.Errorf("a page with capabilities does %v, want %v", got, want)
	}
	log := s.printed()
	for _, line := range []string{"audit=created session=" + call.ID + " role=operator address=127.0.0.1", "audit=published session=" + call.ID + " role=publish", "audit=watched session=" + call.ID + " role=watch", "audit=ended session=" + call.ID + " role=control"} {
		if !strings.Contains(log, line) {
			t.Errorf("the log has no %q", line)
		}
	}
	for _, at := range []string{call.WHIP, call.WHEP["es"], call.Control, call.Events} {
		_, token, _ := strings.Cut(at, "~")
		token, _, _ = strings.Cut(token, "/")
		if token == "" || strings.Contains(log, token) {
			t.Errorf("the capability of %s is in the log:\n%s", at, log)
		}
	}

	call = create()
	publish(t, s, "/whip/"+call.ID, record(t, testspeaker.Config{Width: 320, Height: 180}, 30*time.Second), nil)
	if err := chromedp.Do(ctx, chromedp.Navigate(call.Watch["es"])); err != nil {
		t.Fatal(err)
	}
	const video = `document.querySelector('[data-testid="dubbed-video"]')`
	await(t, ctx, "a frame by the link", video+`?.videoWidth > 0 && `+video+`.currentTime > 0.5`, 40*time.Second)
	evaluate(t, ctx, `document.querySelector('[data-testid="lang-en"]').click()`)
	await(t, ctx, "the original", `location.hash.endsWith("/en") && `+video+`.videoWidth > 0`, 10*time.Second)
	bare := s.base + "/#/watch/" + call.ID + "/es"
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(bare)); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "no session without the right", `document.querySelector('[data-testid="error"]')?.dataset.kind === "session-gone"`, 10*time.Second)
}
