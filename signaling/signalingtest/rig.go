package signalingtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
)

// OperatorToken is whose bearer may do everything at a rig.
const OperatorToken = "the operator's own token"

var key = access.RandomKey()

// Access returns the rules of a rig: open for programs on this machine, and
// named live.example beside localhost.
func Access() *signaling.Access {
	return signaling.NewAccess(signaling.AccessConfig{
		Key: key, Lifetime: time.Hour, OperatorToken: OperatorToken, Open: true, Hosts: []string{"live.example", "dub.example"},
		Tokens: verifier, Revoked: &gone,
	})
}

// Token returns a capability for a desk's session, valid for an hour.
func Token(session string, role access.Role, lang inference.Lang) string {
	return TokenFor(time.Hour, session, role, lang)
}

// TokenFor is Token for a capability that is valid so long.
func TokenFor(lasts time.Duration, session string, role access.Role, lang inference.Lang) string {
	return key.Mint(Epoch(session), access.Capability{Role: role, Lang: string(lang), Expires: time.Now().Add(lasts)})
}

// Rig is an endpoint before a desk, over real connections.
type Rig struct {
	*testing.T
	Desk *Desk
	URL  string // of the server, without a slash at the end
	http *http.Client

	serving *atomic.Int32
}

// Endpoint is an endpoint under test.
type Endpoint interface {
	Register(*http.ServeMux)
	Close()
}

// Open serves the endpoint until the test ends; by then every peer of the desk must
// have been closed, and once.
func Open(t *testing.T, d *Desk, endpoint Endpoint) Rig {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.NotFoundHandler()) // as the page's: must not clash
	endpoint.Register(mux)
	guarded := Access().Guard(mux)
	serving := &atomic.Int32{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Add(-1)
		guarded.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		endpoint.Close()
		srv.Close()
		for i, p := range d.Peers() {
			if p.Closes() != 1 {
				t.Errorf("peer %d was closed %d times", i, p.Closes())
			}
		}
	})
	return Rig{t, d, srv.URL, srv.Client(), serving}
}

// Serving returns how many requests are being served: streams and websockets
// are until they end.
func (r *Rig) Serving() int { return int(r.serving.Load()) }

// Reply is an answer, read.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Request returns a request for a path of the server, or for a whole URL; headers come in pairs.
func (r *Rig) Request(method, url, body string, headers ...string) *http.Request {
	r.Helper()
	if strings.HasPrefix(url, "/") {
		url = r.URL + url
	}
	req, err := http.NewRequestWithContext(r.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// Start sends a request; the caller closes the answer's body.
func (r *Rig) Start(req *http.Request) *http.Response {
	r.Helper()
	resp, err := r.http.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	return resp
}

// Do sends a request as Request makes it and reads the answer.
func (r *Rig) Do(method, url, body string, headers ...string) Reply {
	r.Helper()
	resp := r.Start(r.Request(method, url, body, headers...))
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return Reply{resp.StatusCode, resp.Header, string(b)}
}

// Eventually waits for what another goroutine brings about.
func (r *Rig) Eventually(what string, ok func() bool) {
	r.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("never: %s", what)
		}
	}
}
