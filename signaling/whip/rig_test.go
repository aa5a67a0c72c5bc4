package whip

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the doors before a desk, over a real connection.
type rig struct {
	*testing.T
	desk *signalingtest.Desk
	door *Server
	base string
	http *http.Client
}

// open serves a desk with the session "talk"; change may alter how.
func open(t *testing.T, change func(*Config, *signalingtest.Desk)) *rig {
	r := &rig{T: t, desk: signalingtest.NewDesk("talk")}
	c := Config{Sessions: r.desk, OpenMode: signaling.Loopback}
	if change != nil {
		change(&c, r.desk)
	}
	r.door = New(c)
	mux := http.NewServeMux()
	mux.Handle("GET /", http.NotFoundHandler())
	r.door.Register(mux)
	srv := httptest.NewServer(mux)
	r.base, r.http = srv.URL, srv.Client()
	t.Cleanup(func() {
		r.door.Close()
		srv.Close()
		for i, p := range r.desk.Peers() {
			if p.Closes() != 1 {
				t.Errorf("peer %d was closed %d times", i, p.Closes())
			}
		}
	})
	return r
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers come in pairs.
func (r *rig) do(method, url, body string, headers ...string) reply {
	r.Helper()
	if strings.HasPrefix(url, "/") {
		url = r.base + url
	}
	req, err := http.NewRequestWithContext(r.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// publish posts Chromium's offer and returns the resource's path.
func (r *rig) publish(path string) string {
	r.Helper()
	got := r.do("POST", path, signalingtest.Offer, "Content-Type", "application/sdp")
	if got.status != http.StatusCreated {
		r.Fatalf("POST %s: %d %s", path, got.status, got.body)
	}
	return got.header.Get("Location")
}

// want fails unless the answer has the status and holds the text.
func (r *rig) want(got reply, status int, text string) {
	r.Helper()
	if got.status != status || !strings.Contains(got.body, text) {
		r.Errorf("got %d %s, want %d %q", got.status, got.body, status, text)
	}
	if status >= 400 && (!strings.Contains(got.body, `"hint":"`) || got.header.Get("Content-Type") != "application/json") {
		r.Errorf("an error without JSON and hint: %v %s", got.header, got.body)
	}
	if got.header.Get("Access-Control-Allow-Origin") != "*" {
		r.Errorf("no CORS: %v", got.header)
	}
}

// eventually waits for what another goroutine brings about.
func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("never: %s", what)
		}
	}
}

func TestTooManyOffersAtOnceAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Sessions: signalingtest.NewDesk("talk")})
		for range answering {
			s.slots <- struct{}{}
		}
		mux := http.NewServeMux()
		s.Register(mux)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("POST", "/whip/talk", strings.NewReader(signalingtest.Offer)))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		s.Close()
	})
}
