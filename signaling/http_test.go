package signaling

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func request(headers ...string) *http.Request {
	r := httptest.NewRequest("POST", "http://dub.example:8080/x", nil)
	r.RemoteAddr = "127.0.0.1:5" // whose word about the client counts
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestBaseURL(t *testing.T) {
	for want, headers := range map[string][]string{
		"http://dub.example:8080":       {},
		"https://dub.example:8080":      {"X-Forwarded-Proto", "https"},
		"https://live.example/dub":      {"X-Forwarded-Proto", "https, http", "X-Forwarded-Host", "live.example, inner", "X-Forwarded-Prefix", "/dub/"},
		"http://[::1]:9":                {"Host", "[::1]:9"},
		"http://dub.example:8080/a/b.c": {"X-Forwarded-Prefix", "/a/b.c", "X-Forwarded-Host", `evil"<script>`},
		"http://localhost":              {"Host", "a b"},
	} {
		if got := BaseURL(request(headers...)); got != want {
			t.Errorf("%v: got %s, want %s", headers, got, want)
		}
	}
	for _, hostile := range [][]string{
		{"X-Forwarded-Prefix", "//evil.example"}, {"X-Forwarded-Prefix", "/../x"}, {"X-Forwarded-Prefix", "/a\r\nb"},
		{"X-Forwarded-Proto", "javascript"}, {"X-Forwarded-Host", "a/b"},
	} {
		if got := BaseURL(request(hostile...)); got != "http://dub.example:8080" {
			t.Errorf("%v: %s", hostile, got)
		}
	}
	r := request("X-Forwarded-Proto", "https", "X-Forwarded-Host", "live.example", "X-Forwarded-Prefix", "/dub")
	r.RemoteAddr = "192.0.2.1:5"
	if got := BaseURL(r); got != "http://dub.example:8080" {
		t.Errorf("by the word of anybody: %s", got)
	}
	r = request()
	r.TLS = &tls.ConnectionState{}
	if got := BaseURL(r); got != "https://dub.example:8080" {
		t.Error(got)
	}
}

func TestLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		remote, host, via string
		want              bool
	}{
		"curl here":       {"127.0.0.1:5", "localhost:8080", "", true},
		"by number":       {"[::1]:5", "[::1]:8080", "", true},
		"another of ours": {"127.0.0.2:5", "127.0.0.1", "", true},
		"from afar":       {"192.0.2.1:5", "localhost", "", false},
		"through proxy":   {"127.0.0.1:5", "localhost", "192.0.2.1", false},
		"rebound name":    {"127.0.0.1:5", "evil.example:8080", "", false},
		"mapped":          {"[::ffff:127.0.0.1]:5", "localhost", "", true},
		"garbage":         {"@", "localhost", "", false},
	} {
		r := request("Host", c.host)
		r.RemoteAddr = c.remote
		if c.via != "" {
			r.Header.Set("X-Forwarded-For", c.via)
		}
		if Loopback(r) != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

// TestForwardedByALineOfItsOwn: HAProxy leaves a client's own header as it is and adds another.
func TestForwardedByALineOfItsOwn(t *testing.T) {
	for _, theirs := range []string{"", "127.0.0.1", "192.0.2.9, 127.0.0.1"} {
		r := request("Host", "localhost")
		r.RemoteAddr = "127.0.0.1:5"
		r.Header["X-Forwarded-For"] = []string{theirs, "192.0.2.1"}
		if a := client(r); a.String() != "192.0.2.1" || Loopback(r) {
			t.Errorf("after %q: from %v, loopback %v", theirs, a, Loopback(r))
		}
	}
}

func TestRoute(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.NotFoundHandler()) // as the page's: must not clash
	Route(mux, slog.New(slog.DiscardHandler), OwnOrigin, "/thing/{id}", map[string]Handler{
		"POST": func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, r.PathValue("id"))
			return err
		},
	})
	for name, c := range map[string]struct {
		method, origin string
		status         int
		allow          string // Access-Control-Allow-Origin
	}{
		"no page":      {"POST", "", 200, ""},
		"own page":     {"POST", "http://dub.example:8080", 200, "http://dub.example:8080"},
		"foreign":      {"POST", "https://evil.example", 404, ""},
		"foreign asks": {"OPTIONS", "https://evil.example", 404, ""},
		"sandboxed":    {"POST", "null", 404, ""},
		"preflight":    {"OPTIONS", "http://dub.example:8080", 204, "http://dub.example:8080"},
		"wrong method": {"GET", "", 405, ""},
		"wrong, too":   {"PATCH", "http://dub.example:8080", 405, "http://dub.example:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://dub.example:8080/thing/7", nil)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != c.status || w.Header().Get("Access-Control-Allow-Origin") != c.allow {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			if (c.status == 405 || c.status == 204) && w.Header().Get("Allow") != "OPTIONS, POST" {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestReadBody(t *testing.T) {
	var status error
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, status = ReadBody(w, r, 100)
	}))
	defer srv.Close()
	for name, c := range map[string]struct {
		body io.Reader
		want error
	}{
		"fits":              {strings.NewReader(strings.Repeat("x", 100)), nil},
		"too long":          {strings.NewReader(strings.Repeat("x", 101)), ErrTooLarge},
		"too long, chunked": {io.MultiReader(strings.NewReader(strings.Repeat("x", 101))), ErrTooLarge},
	} {
		resp, err := http.Post(srv.URL, "", c.body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if !errors.Is(status, c.want) {
			t.Errorf("%s: %v", name, status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Limiter{PerSecond: 2, Burst: 3}
		from := func(addr string, headers ...string) error {
			r := request(headers...)
			r.RemoteAddr = addr
			return l.Allow(r)
		}
		for range 3 {
			if err := from("192.0.2.1:1"); err != nil {
				t.Fatal(err)
			}
		}
		err := from("192.0.2.1:2")
		if !errors.Is(err, ErrRate) || Explain(err).Retry != 500*time.Millisecond {
			t.Errorf("the fourth at once: %v, %v", err, Explain(err).Retry)
		}
		if err := from("192.0.2.2:1"); err != nil {
			t.Errorf("another client: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
		if from("192.0.2.1:3") != nil || from("192.0.2.1:3") == nil {
			t.Error("half a second brings one request")
		}
		for range 3 {
			from("[2001:db8::1]:1")
		}
		if from("[2001:db8::2]:1") == nil {
			t.Error("a /64 counts as one client")
		}
		for range 100 {
			if from("127.0.0.1:1") != nil {
				t.Fatal("this machine is not bounded")
			}
		}
		for range 3 {
			from("127.0.0.1:1", "X-Forwarded-For", "10.9.9.9, 198.51.100.1")
		}
		if from("127.0.0.1:1", "X-Forwarded-For", "10.8.8.8, 198.51.100.1") == nil {
			t.Error("behind a proxy of this machine its clients are bounded")
		}
	})
}

func TestLimiterForgets(t *testing.T) {
	l := NewLimiter()
	r := request()
	for i := range 3 * maxClients {
		r.RemoteAddr = fmt.Sprintf("198.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		l.Allow(r)
	}
	if n := len(l.clients); n > maxClients {
		t.Errorf("remembers %d clients", n)
	}
}
