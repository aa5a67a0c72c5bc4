package whip

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// evil is what a browser adds to what a page of another origin sends.
var evil = []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}

// TestCapabilities: each opens its own endpoint, from any origin, by path and as Bearer.
func TestCapabilities(t *testing.T) {
	r := open(t, func(c *Config, _ *signalingtest.Desk) {
		c.ICEServers = signaling.ICEServers{Servers: []signaling.ICESecret{{URL: "turn:a", Secret: "c"}}}
	})
	for _, c := range []struct {
		role access.Role
		lang inference.Lang
		in   string // endpoints that open
	}{
		{access.Publish, "", "/whip/talk"},
		{access.Watch, "", "/whep/talk/es /whep/talk/ca /whep/talk/en"},
		{access.Watch, "es", "/whep/talk/es"},
		{access.Control, "", "/whip/talk /whep/talk/es /whep/talk/ca /whep/talk/en"},
		{"", "", ""},
	} {
		token := signalingtest.Token("talk", c.role, c.lang)
		if c.role == "" {
			token = signalingtest.Token("other", access.Control, "")
		}
		for _, endpoint := range []string{"/whip/talk", "/whep/talk/es", "/whep/talk/ca", "/whep/talk/en"} {
			inPath := strings.Replace(endpoint, "talk", "talk~"+token, 1)
			for how, got := range map[string]signalingtest.Reply{
				inPath:   r.Do("POST", inPath, signalingtest.Offer, evil...),
				endpoint: r.Do("POST", endpoint, signalingtest.Offer, append([]string{"Authorization", "Bearer " + token}, evil...)...),
			} {
				may := c.in != "" && strings.Contains(" "+c.in+" ", " "+endpoint+" ")
				if may != (got.Status == 201) || !may && (got.Status != 404 || strings.Contains(got.Body, "talk")) {
					t.Errorf("%s %s at %s: %d %s", c.role, c.lang, how, got.Status, got.Body)
				}
				if loc := got.Header.Get("Location"); may && !strings.HasPrefix(loc, how+"/") {
					t.Errorf("at %s: Location %s", how, loc)
				} else if may {
					r.want(r.Do("DELETE", loc, "", evil...), 200, "") // the resource's name is its capability
				}
			}
			if links := r.Do("OPTIONS", inPath, "", evil...).Header.Values("Link"); (len(links) == 1) != (c.in != "") {
				t.Errorf("%s %s asks %s: ICE servers %v", c.role, c.lang, endpoint, links)
			}
		}
	}
	token := signalingtest.Token("talk", access.Watch, "es")
	r.want(r.Do("POST", "/whep/talk~"+token, signalingtest.Offer, evil...), 404, "en, es, ca")
	r.want(r.Do("POST", "/whep/talk", signalingtest.Offer, evil...), 404, "no right to it")
	r.want(r.Do("POST", "/whep/talk~"+token+"/fr", signalingtest.Offer, evil...), 404, "no right to it")
}

// unread is a body that must not be asked for.
type unread struct{ *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.Error("the offer of a stranger was read")
	return 0, io.EOF
}

// TestStrangersAreNotReadFrom: an offer costs nothing before its sender has a right.
// The server's own page, which may name sessions, has none in one that is there.
func TestStrangersAreNotReadFrom(t *testing.T) {
	d := signalingtest.NewDesk("talk")
	endpoint := New(Config{Sessions: d})
	defer endpoint.Close()
	mux := http.NewServeMux()
	endpoint.Register(mux)
	for _, path := range []string{"/whip/talk?from=en&to=es", "/whip/other?from=en&to=es", "/whep/talk/es", "/whep/other/es"} {
		for _, origin := range []string{"https://evil.example", "http://localhost"} {
			if origin == "http://localhost" && strings.HasPrefix(path, "/whip/other") {
				continue // which the page may create
			}
			r := httptest.NewRequest("POST", "http://localhost"+path, unread{t})
			r.RemoteAddr = "127.0.0.1:1"
			r.Header.Set("Origin", origin)
			w := httptest.NewRecorder()
			signalingtest.Access().Guard(mux).ServeHTTP(w, r)
			if w.Code != 404 {
				t.Errorf("from %s: POST %s: %d %s", origin, path, w.Code, w.Body)
			}
		}
	}
	if n := len(d.Peers()); n != 0 {
		t.Errorf("%d peers", n)
	}
}

// TestNamingHandsOutCapabilities: who creates a session by naming it at WHIP
// gets to publish again by Location, to control and to watch by Link.
func TestNamingHandsOutCapabilities(t *testing.T) {
	r := open(t, nil)
	got := r.Do("POST", "/whip/new?from=en&to=es", signalingtest.Offer, "X-Forwarded-Prefix", "/dub")
	r.want(got, 201, "")
	loc := strings.TrimPrefix(got.Header.Get("Location"), "/dub")
	again := loc[:strings.LastIndexByte(loc, '/')]
	if !regexp.MustCompile(`^/whip/new~p\.[0-9a-z]+\.[\w-]{22}$`).MatchString(again) {
		t.Fatalf("Location %s", loc)
	}
	r.want(r.Do("DELETE", loc, "", evil...), 200, "")
	r.want(r.Do("POST", again, signalingtest.Offer, evil...), 201, "")
	links := map[string]string{}
	for _, l := range got.Header.Values("Link") {
		m := regexp.MustCompile(`^<(.*)>; (.*)$`).FindStringSubmatch(l)
		links[m[2]] = m[1]
	}
	if at := links[`rel="edit"`]; len(links) != 3 || !strings.HasPrefix(at, "/dub/v1/sessions/new~c.") {
		t.Errorf("%v", links)
	}
	for _, lang := range []string{"en", "es"} {
		at := strings.TrimPrefix(links[`rel="alternate"; hreflang="`+lang+`"`], "/dub")
		r.want(r.Do("POST", at, signalingtest.Offer, evil...), 201, "")
		other := strings.TrimSuffix(at, lang) + map[string]string{"en": "es", "es": "en"}[lang]
		r.want(r.Do("POST", other, signalingtest.Offer, evil...), 404, "no right to it")
	}
	if got := r.Do("POST", again, signalingtest.Offer); len(got.Header.Values("Link")) != 0 {
		t.Errorf("who only publishes is told %v", got.Header.Values("Link"))
	}
}
