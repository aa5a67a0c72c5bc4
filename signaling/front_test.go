package signaling

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
)

func TestClientBehindProxies(t *testing.T) {
	f := NewFront(FrontConfig{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}})
	for _, c := range []struct{ remote, via, want, proto string }{
		{"192.0.2.1:5", "", "192.0.2.1", "http"},
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1", "http"}, // anybody may say so
		{"127.0.0.1:5", "203.0.113.9", "127.0.0.1", "http"}, // so may this machine, where the list lacks it
		{"10.1.1.1:5", "203.0.113.9", "203.0.113.9", "https"},
		{"10.1.1.1:5", "198.51.100.7, 203.0.113.9, 10.2.2.2", "203.0.113.9", "https"}, // not what the client itself said
		{"10.1.1.1:5", "198.51.100.7, nonsense", "10.1.1.1", "https"},
		{"[2001:db8:1::5]:5", "2001:db8:9::1", "2001:db8:9::1", "https"},
		{"10.1.1.1:5", "", "10.1.1.1", "https"},
	} {
		r := request("X-Forwarded-For", c.via, "X-Forwarded-Proto", "https")
		r.RemoteAddr = c.remote
		f.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := client(r).String(); got != c.want || !strings.HasPrefix(BaseURL(r), c.proto+":") {
				t.Errorf("%s for %q: %s at %s, want %s", c.remote, c.via, got, BaseURL(r), c.want)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

// TestRequestsOfAnAddress: every method counts, probes and this machine do not.
func TestRequestsOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewFront(FrontConfig{PerSecond: 2}).Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ask := func(method, path, from string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, nil)
			r.RemoteAddr = from
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		for i := range 8 {
			if w := ask([]string{"GET", "DELETE"}[i%2], "/v1/sessions", "192.0.2.1:5"); w.Code != 200 {
				t.Fatalf("request %d: %d", i, w.Code)
			}
		}
		if w := ask("DELETE", "/x", "192.0.2.1:6"); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
		for path, from := range map[string]string{"/x": "192.0.2.2:5", "/healthz": "192.0.2.1:5", "/y": "127.0.0.1:5"} {
			if w := ask("GET", path, from); w.Code != 200 {
				t.Errorf("%s from %s: %d", path, from, w.Code)
			}
		}
		time.Sleep(time.Second)
		if w := ask("GET", "/x", "192.0.2.1:6"); w.Code != 200 {
			t.Errorf("a second later: %d", w.Code)
		}
	})
}

// TestLeaveEndsBodies: a shutdown does not wait for bodies that never come.
func TestLeaveEndsBodies(t *testing.T) {
	f := NewFront(FrontConfig{})
	reading := make(chan error, 1)
	srv := httptest.NewServer(f.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading <- nil
		_, err := ReadBody(w, r, 1000)
		reading <- err
	})))
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600\r\n\r\n{\"from\":"); err != nil {
		t.Fatal(err)
	}
	<-reading
	f.Leave() // before ReadBody or after: it cannot grant more
	start := time.Now()
	if err := <-reading; !errors.Is(err, ErrTimeout) || time.Since(start) > 4*leaveTime {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	srv.Close()
}

// from returns the context of a client at an address.
func from(addr string) (ctx context.Context) {
	r := request()
	r.RemoteAddr = addr
	NewFront(FrontConfig{}).Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
	return ctx
}

func TestQuota(t *testing.T) {
	q := NewQuota("things", 2, 4)
	take := func(addr string, want error) func() {
		t.Helper()
		release, err := q.Take(from(addr))
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", addr, err, want)
		}
		return release
	}
	one := take("[2001:db8::1]:1", nil)
	take("[2001:db8::2]:1", nil)
	take("[2001:db8::3]:1", ErrRate) // of one /64
	take("127.0.0.1:1", nil)
	take("127.0.0.1:1", nil)
	take("127.0.0.1:1", ErrFull)
	take("192.0.2.1:1", ErrFull)
	one()
	one()
	take("192.0.2.1:1", nil)
	take("192.0.2.1:1", ErrFull)
}

// watchable answers every offer.
type watchable struct {
	Connector
	err error
}

type nobody struct{ Peer }

func (nobody) Close() error { return nil }

func (w watchable) View(_ context.Context, _ string, _ inference.Lang, _ string) (Peer, string, error) {
	return nobody{}, "answer", w.err
}

func TestViewersAndOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Bound(watchable{}, Budget{PerAddress: 1, PerSecond: 100, ViewersEach: 3, ViewersSession: 4, Viewers: 5})
		view := func(addr, id string, want error) Peer {
			t.Helper()
			p, _, err := c.View(from(addr), id, "es", "")
			if !errors.Is(err, want) || (want == nil) != (err == nil) {
				t.Errorf("%s at %s: %v, want %v", addr, id, err, want)
			}
			return p
		}
		p := view("192.0.2.1:1", "a", nil)
		view("192.0.2.1:1", "a", nil)
		view("192.0.2.1:1", "b", nil)
		view("192.0.2.1:1", "b", ErrRate) // it holds three
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		view("192.0.2.1:1", "a", nil)
		view("192.0.2.2:1", "a", nil)
		view("192.0.2.2:1", "a", nil)
		view("192.0.2.3:1", "a", ErrFull) // the session has four, and all together five

		// Five offers of 16 KB a second of one address cost ten.
		c = Bound(watchable{err: ErrBadOffer}, Budget{PerAddress: 1, PerSecond: 4})
		large := strings.Repeat("x", sizeToken)
		for i, want := range []error{ErrBadOffer, ErrBadOffer, ErrRate} {
			if _, _, err := c.View(from("192.0.2.1:1"), "a", "es", large); !errors.Is(err, want) {
				t.Errorf("large offer %d: %v, want %v", i, err, want)
			}
		}
		for range 12 {
			view("127.0.0.1:1", "a", ErrBadOffer)
		}
		_, _, err := c.View(from("127.0.0.1:1"), "a", "es", "")
		if e := Explain(err); e.Kind != ErrRate || e.Retry <= 0 {
			t.Errorf("more than all may: %v", err)
		}
	})
}

// TestTURNCredentials are coturn's, each session's own, and without the secret.
func TestTURNCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ICEServers{Servers: []ICESecret{{URL: "stun:a"}, {URL: "turn:b", Secret: "north"}}, Lifetime: time.Hour}
		one, two := s.For("one"), s.For("two")
		m := hmac.New(sha1.New, []byte("north"))
		_, _ = io.WriteString(m, "946688400:one") // synctest begins at 2000-01-01
		want := ICEServer{URL: "turn:b", Username: "946688400:one", Credential: base64.StdEncoding.EncodeToString(m.Sum(nil))}
		if len(one) != 2 || one[0] != (ICEServer{URL: "stun:a"}) || one[1] != want || two[1].Credential == one[1].Credential {
			t.Errorf("%v\n%v", one, two)
		}
		h := http.Header{}
		Link(h, []ICEServer{{URL: "turn:b", Username: `a"b`, Credential: "c"}})
		if got := h.Get("Link"); got != `<turn:b>; rel="ice-server"; username="a\"b"; credential="c"; credential-type="password"` {
			t.Error(got)
		}
	})
}
