package signaling

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/signaling/access"
)

const operatorToken = "0123456789abcdef-operator"

// rules are open for programs on this machine; key is theirs.
func rules(change func(*AccessConfig)) (*Access, access.Key) {
	c := AccessConfig{Key: access.RandomKey(), Lifetime: time.Hour, OperatorToken: operatorToken, Open: true, Hosts: []string{"live.example"}}
	if change != nil {
		change(&c)
	}
	return NewAccess(c), c.Key
}

// through sends a request through a guard and returns the answer and the request that came behind it.
func through(guard func(http.Handler) http.Handler, r *http.Request) (*httptest.ResponseRecorder, *http.Request) {
	var came *http.Request
	w := httptest.NewRecorder()
	guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came = r })).ServeHTTP(w, r)
	return w, came
}

// TestHosts: a name that was made to point here is not this server's (DNS rebinding).
func TestHosts(t *testing.T) {
	a, _ := rules(nil)
	for host, served := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "127.0.0.1:1": true, "127.9.9.9": true, "[::1]:8080": true, "::1": true,
		"live.example": true, "Live.Example:443": true, "192.0.2.7:8080": true,
		"evil.example": false, "localhost.evil.example": false, "live.example.evil.example": false, "192.0.2.8": false, "0.0.0.0": false, "": false, "2130706433": false, "a b": false,
	} {
		for _, how := range []string{"asked", "forwarded"} {
			r := request("Host", host)
			if how == "forwarded" {
				if host == "" {
					continue // as good as no header
				}
				r = request("Host", "localhost", "X-Forwarded-Host", host)
			}
			local := &net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 8080}
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
			w, came := through(a.Guard, r)
			if (came != nil) != served || !served && (w.Code != 421 || !strings.Contains(w.Body.String(), "serve.hosts")) {
				t.Errorf("%s as %q: %d %s", how, host, w.Code, w.Body)
			}
		}
	}
	for path, served := range map[string]bool{"/healthz": true, "/readyz": true, "/healthz/x": false, "/metrics": false, "/": false} {
		r := httptest.NewRequest("GET", "http://evil.example"+path, nil)
		if _, came := through(a.Guard, r); (came != nil) != served {
			t.Errorf("%s by any name: %v", path, served)
		}
	}
	all, _ := rules(func(c *AccessConfig) { c.Hosts = []string{"*"} })
	if w, came := through(all.Guard, request("Host", "any.example")); came == nil {
		t.Errorf("*: %d", w.Code)
	}
}

// TestTokensAreTakenOut: what comes behind the guard can log its request whole.
func TestTokensAreTakenOut(t *testing.T) {
	a, key := rules(nil)
	info := Info{ID: "talk", Epoch: "e1"}
	token := key.Mint("e1", access.Capability{Role: access.Watch, Lang: "es", Expires: time.Now().Add(time.Minute)})
	for path, want := range map[string]string{
		"/whep/talk~" + token + "/es":                  "/whep/talk/es",
		"/v1/sessions/talk~" + token + "/events?a=b~c": "/v1/sessions/talk/events",
		"/whep/talk%7E" + token + "/es":                "/whep/talk/es",
		"/whip/a%2Fb~" + token:                         "/whip/a/b",
		"/other/~" + token + "/~" + token:              "/other//",
	} {
		r := httptest.NewRequest("GET", path, nil)
		r.Host, r.RemoteAddr = "live.example", "192.0.2.9:1"
		r.Header.Set("Authorization", "Bearer "+token)
		_, came := through(a.Guard, r)
		if came == nil || came.URL.Path != want {
			t.Fatalf("%s comes as %v", path, came)
		}
		seen := fmt.Sprintf("%+v %s %s %s %+v", came.URL, came.URL.EscapedPath(), came.RequestURI, came.URL.RawPath, came.Header)
		if strings.Contains(seen, token) {
			t.Errorf("%s: %s", path, seen)
		}
		if g := From(came).Grant(info); !g.Watch("es") {
			t.Errorf("%s: the right is lost", path)
		}
		if strings.Contains(path, "%2F") && came.URL.EscapedPath() != "/whip/a%2Fb" {
			t.Errorf("%s is %s now", path, came.URL.EscapedPath())
		}
	}
}

// TestWhoMayDoWhat is the table of docs/SIGNALING.md.
func TestWhoMayDoWhat(t *testing.T) {
	const afar, here = "192.0.2.9:1", "127.0.0.1:9"
	a, _ := rules(nil)
	closed, _ := rules(func(c *AccessConfig) { c.Open, c.OperatorToken = false, "" })
	for name, c := range map[string]struct {
		a                      *Access
		from, host             string
		headers                []string
		operator, create, name bool
	}{
		"program here":              {a, here, "localhost", nil, true, true, true},
		"program here, not open":    {closed, here, "localhost", nil, false, false, false},
		"program here, other name":  {a, here, "live.example", nil, false, false, false},
		"program through a proxy":   {a, here, "localhost", []string{"X-Forwarded-For", "192.0.2.1"}, false, false, false},
		"program afar":              {a, afar, "live.example", nil, false, false, false},
		"operator afar":             {a, afar, "live.example", []string{"Authorization", "Bearer " + operatorToken}, true, true, true},
		"operator, other letters":   {a, afar, "live.example", []string{"Authorization", "bearer  " + operatorToken + " "}, true, true, true},
		"no operator":               {a, afar, "live.example", []string{"Authorization", "Bearer " + operatorToken + "x"}, false, false, false},
		"no operator: empty":        {closed, afar, "live.example", []string{"Authorization", "Bearer "}, false, false, false},
		"no operator: basic":        {a, afar, "live.example", []string{"Authorization", "Basic " + operatorToken}, false, false, false},
		"own page here":             {a, here, "localhost:8080", []string{"Origin", "http://localhost:8080", "Sec-Fetch-Site", "same-origin"}, false, true, true},
		"own page here, not open":   {closed, here, "localhost:8080", []string{"Origin", "http://localhost:8080"}, false, true, false},
		"own page afar":             {a, afar, "live.example", []string{"Origin", "https://live.example"}, false, true, false},
		"own page through a proxy":  {a, here, "127.0.0.1:8080", []string{"Origin", "https://live.example", "X-Forwarded-Host", "live.example", "X-Forwarded-For", "192.0.2.1"}, false, true, false},
		"who claims to be a proxy":  {a, afar, "live.example", []string{"Origin", "https://evil.example", "X-Forwarded-Host", "evil.example"}, false, false, false},
		"own page without Origin":   {a, here, "localhost", []string{"Sec-Fetch-Site", "same-origin"}, false, true, true},
		"typed address":             {a, here, "localhost", []string{"Sec-Fetch-Site", "none"}, false, true, true},
		"another port of this host": {a, here, "localhost:8080", []string{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"}, false, false, false},
		"another port, old browser": {a, here, "localhost:8080", []string{"Origin", "http://localhost:3000"}, false, false, false},
		"foreign page":              {a, here, "localhost", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, false, false, false},
		"foreign image":             {a, here, "localhost", []string{"Sec-Fetch-Site", "cross-site"}, false, false, false},
		"foreign form that hides":   {a, here, "localhost", []string{"Origin", "null"}, false, false, false},
		"own origin, foreign cause": {a, here, "localhost", []string{"Origin", "http://localhost", "Sec-Fetch-Site", "cross-site"}, false, false, false},
		"extension":                 {a, here, "localhost", []string{"Origin", "chrome-extension://abcdef"}, false, false, false},
		"garbage for an origin":     {a, here, "localhost", []string{"Origin", "http://[::1"}, false, false, false},
		"garbage for a site":        {a, here, "localhost", []string{"Sec-Fetch-Site", "SAME-ORIGIN"}, false, false, false},
		"foreign page with a token": {a, here, "localhost", []string{"Origin", "https://evil.example", "Authorization", "Bearer " + operatorToken}, true, true, true},
	} {
		r := request(append([]string{"Host", c.host}, c.headers...)...)
		r.RemoteAddr = c.from
		w, came := through(c.a.Guard, r)
		if came == nil {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		who := From(came)
		if who.Operator() != c.operator || who.MayCreate() != c.create || who.MayName("talk") != c.name {
			t.Errorf("%s: operator %v, may create %v, name %v", name, who.Operator(), who.MayCreate(), who.MayName("talk"))
		}
		if any := who.Grant(Info{ID: "talk", Epoch: "e"}).Any(); any != c.operator {
			t.Errorf("%s: has a right in a session: %v", name, any)
		}
	}
	if who := From(request("Host", "localhost")); who.Operator() || who.MayCreate() || who.Grant(Info{Epoch: ""}).Any() {
		t.Error("what did not come through a guard has rights")
	}
}

// TestAdminListener: all are operators there but pages of other origins.
func TestAdminListener(t *testing.T) {
	a, _ := rules(func(c *AccessConfig) { c.Open = false })
	for name, c := range map[string]struct {
		headers  []string
		operator bool
	}{
		"Prometheus":    {nil, true},
		"typed address": {[]string{"Sec-Fetch-Site", "none"}, true},
		"foreign page":  {[]string{"Origin", "https://evil.example"}, false},
		"foreign frame": {[]string{"Sec-Fetch-Site", "cross-site"}, false},
	} {
		_, came := through(a.GuardAdmin, request(append([]string{"Host", "live.example"}, c.headers...)...))
		if From(came).Operator() != c.operator {
			t.Errorf("%s: want %v", name, c.operator)
		}
		w := httptest.NewRecorder()
		OnlyOperator(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), slog.New(slog.DiscardHandler)).ServeHTTP(w, came)
		if want := map[bool]int{true: 204, false: 404}[c.operator]; w.Code != want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w, came := through(a.GuardAdmin, request("Host", "evil.example")); came != nil || w.Code != 421 {
		t.Errorf("by another name: %d", w.Code)
	}
}

// TestGrants: what each capability gives, and what it can be made to others of.
func TestGrants(t *testing.T) {
	a, key := rules(nil)
	info, until := Info{ID: "talk", Epoch: "e1"}, time.Now().Add(time.Minute).Truncate(time.Second)
	grant := func(c access.Capability, epoch string) Grant {
		c.Expires = until
		r := request("Host", "live.example", "Origin", "https://elsewhere.example", "Authorization", "Bearer "+key.Mint(epoch, c))
		_, came := through(a.Guard, r)
		return From(came).Grant(info)
	}
	type rights struct{ control, publish, es, ca, look bool }
	for name, c := range map[string]struct {
		has   access.Capability
		epoch string
		want  rights
	}{
		"control":         {access.Capability{Role: access.Control}, "e1", rights{true, true, true, true, true}},
		"publish":         {access.Capability{Role: access.Publish}, "e1", rights{publish: true}},
		"watch":           {access.Capability{Role: access.Watch}, "e1", rights{es: true, ca: true, look: true}},
		"watch es":        {access.Capability{Role: access.Watch, Lang: "es"}, "e1", rights{es: true, look: true}},
		"another session": {access.Capability{Role: access.Control}, "e2", rights{}},
	} {
		g := grant(c.has, c.epoch)
		if got := (rights{g.Control(), g.Publish(), g.Watch("es"), g.Watch("ca"), g.Look()}); got != c.want || g.Any() != (c.want != rights{}) {
			t.Errorf("%s: %+v", name, got)
		}
		for _, made := range []access.Capability{{Role: access.Control}, {Role: access.Publish}, {Role: access.Watch}, {Role: access.Watch, Lang: "es"}} {
			token := g.Token(made.Role, inference.Lang(made.Lang))
			if same := made == c.has && c.epoch == "e1"; (token != "") != (c.want.control || same) {
				t.Errorf("%s hands out %+v: %q", name, made, token)
				continue
			}
			if token == "" {
				continue
			}
			got, err := key.Check("e1", token, time.Now())
			left := time.Until(got.Expires) // control is renewed by its use, a minute before its end here; nothing else is
			if err != nil || got.Role != made.Role || c.want.control && (left < time.Hour-time.Second || left > 63*time.Minute) || !c.want.control && !got.Expires.Equal(until) {
				t.Errorf("%s hands out %+v: %+v, %v", name, made, got, err)
			}
		}
	}
	if g := (Grant{}); g.Any() || g.Control() || g.Publish() || g.Watch("es") || g.Look() || g.Token(access.Watch, "") != "" {
		t.Error("the zero grant is something")
	}
}

// TestAudit: who did what from where, and no token.
func TestAudit(t *testing.T) {
	var log bytes.Buffer
	a, key := rules(func(c *AccessConfig) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	info := Info{ID: "talk", Epoch: "e1"}
	token := key.Mint("e1", access.Capability{Role: access.Watch, Lang: "es", Expires: time.Now().Add(time.Minute)})
	for _, c := range []struct{ bearer, want string }{
		{token, "audit=watched session=talk role=watch address=198.51.100.1 lang=es"},
		{operatorToken, "audit=watched session=talk role=operator address=198.51.100.1 lang=es"},
	} {
		log.Reset()
		_, came := through(a.Guard, request("Host", "live.example", "X-Forwarded-For", "198.51.100.1", "Authorization", "Bearer "+c.bearer))
		who := From(came)
		who.Audit("watched", who.Grant(info), "talk", "lang", "es")
		if line := log.String(); !strings.Contains(line, c.want) || strings.Contains(line, c.bearer) {
			t.Errorf("%s", line)
		}
	}
}

func FuzzGuard(f *testing.F) {
	a, _ := rules(nil)
	for _, s := range []string{"/whip/talk~p.1.x/y", "/a%2Fb~c", "/%7e%7E~", "/~/~/~", "/%", "/whep/%C3~%ff/es"} {
		f.Add(s, "localhost", "http://localhost", "same-origin", "Bearer x")
	}
	f.Fuzz(func(t *testing.T, path, host, origin, site, authorization string) {
		r, err := http.NewRequest("GET", "http://localhost"+path, nil)
		if err != nil {
			return
		}
		r.Host, r.RemoteAddr = host, "127.0.0.1:1"
		for k, v := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site, "Authorization": authorization} {
			if v != "" {
				r.Header.Set(k, v)
			}
		}
		w, came := through(a.Guard, r)
		if came == nil {
			if w.Code != 421 {
				t.Errorf("%d", w.Code)
			}
			return
		}
		if strings.Contains(came.URL.Path, "~") || came.Header.Get("Authorization") != "" {
			t.Errorf("%q comes as %q", path, came.URL.Path)
		}
		if who := From(came); who.Operator() && (origin != "" || site != "") && authorization != "Bearer "+operatorToken {
			t.Errorf("a page is the operator: %q %q", origin, site)
		}
	})
}
