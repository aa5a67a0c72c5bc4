package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/signaling"
	"livedub/signaling/gateway"
	"livedub/signaling/signalingtest"
)

// hang is a node that takes requests and never answers.
func hang(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // or else the server does not see that the client leaves
	<-r.Context().Done()
}

// TestNodeFails: whatever a node does instead of answering, the session is in
// another node with a higher fence, and the old addresses work.
func TestNodeFails(t *testing.T) {
	for _, how := range []string{"dead", "hangs", "answers HTML", "is another process"} {
		t.Run(how, func(t *testing.T) {
			c := newTown(t)
			var bad http.Handler // nil while all is well
			var mu sync.Mutex
			var broken string
			wrap := func(id string) func(http.Handler) http.Handler {
				return func(h http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						mu.Lock()
						use := h
						if broken == id {
							use = bad
						}
						mu.Unlock()
						use.ServeHTTP(w, r)
					})
				}
			}
			a, b := c.node("a", 4, wrap("a")), c.node("b", 4, wrap("b"))
			g := c.gateway()
			s := g.create()
			at, other := c.holder(s.ID, a, b)
			mu.Lock()
			broken = at.id
			switch how {
			case "dead":
				at.CloseClientConnections()
				at.Listener.Close()
			case "hangs":
				bad = http.HandlerFunc(hang)
			case "answers HTML":
				bad = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>It works!</html>") })
			case "is another process":
				bad = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Livedub-Node", at.id+"/another-boot")
					w.WriteHeader(421)
				})
			}
			mu.Unlock()
			began := time.Now()
			resp, body := g.ask("POST", s.WHIP, signalingtest.Offer)
			if resp.StatusCode != 201 {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			t.Logf("%s: there again after %s", how, time.Since(began).Round(time.Millisecond))
			var now session
			if _, body := g.ask("GET", s.Control, ""); json.Unmarshal([]byte(body), &now) != nil || now.Fence <= s.Fence {
				t.Errorf("fence %d, before %d: %s", now.Fence, s.Fence, body)
			}
			if at, _ := c.holder(s.ID, a, b); at != other {
				t.Errorf("still at %s", at.id)
			}
			if len(other.Peers()) != 1 {
				t.Errorf("%d peers", len(other.Peers()))
			}
		})
	}
}

// TestSlowNode: a node that answers late, but answers probes, keeps its session.
func TestSlowNode(t *testing.T) {
	c := newTown(t)
	slow := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/whip/") {
				time.Sleep(3 * quick.Doubt)
			}
			h.ServeHTTP(w, r)
		})
	}
	a, b := c.node("a", 4, slow), c.node("b", 4, slow)
	g := c.gateway()
	s := g.create()
	at, _ := c.holder(s.ID, a, b)
	if resp, body := g.ask("POST", s.WHIP, signalingtest.Offer); resp.StatusCode != 201 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if now, _ := c.holder(s.ID, a, b); now != at {
		t.Error("the session was moved")
	}
}

// TestHangsUp: a node that breaks an event stream off breaks the client's off, which then comes back.
func TestHangsUp(t *testing.T) {
	c := newTown(t)
	n := c.node("a", 4, nil)
	g := c.gateway()
	s := g.create()
	events, err := client.Get(s.Events)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	n.CloseClientConnections()
	said, err := io.ReadAll(events.Body)
	if err == nil {
		t.Errorf("the stream ended as if it were whole: %q", said)
	}
}

// TestWrongFence: an answer of a claim that is over does not reach the client.
func TestWrongFence(t *testing.T) {
	c := newTown(t)
	n := c.node("a", 4, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/sessions/") {
				w.Header().Set("Livedub-Node", "a/boot-"+strings.TrimPrefix(r.Host, "127.0.0.1:"))
				w.Header().Set("Livedub-Fence", "1")
				fmt.Fprint(w, `{"old":true}`)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	g := c.gateway()
	s := g.create()
	if resp, body := g.ask("GET", s.Control, ""); resp.StatusCode != 502 || strings.Contains(body, "old") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	_ = n
}

// TestLostForGood: without anything kept of it a lost session is none, and its claim goes.
func TestLostForGood(t *testing.T) {
	c := newTown(t)
	a, b := c.node("a", 4, nil), c.node("b", 4, nil)
	g := c.gateway()
	s := g.create()
	at, _ := c.holder(s.ID, a, b)
	if err := c.reg.Erase(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	at.CloseClientConnections()
	at.Listener.Close()
	if resp, body := g.ask("POST", s.WHIP, signalingtest.Offer); resp.StatusCode != 404 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if claim, err := c.reg.Find(t.Context(), s.ID); err == nil {
		t.Errorf("still claimed: %+v", claim)
	}
}

// TestClosing: a gateway that leaves ends what it forwards.
func TestClosing(t *testing.T) {
	c := newTown(t)
	c.node("a", 4, nil)
	gw := gateway.New(gateway.Config{Registry: c.reg, Key: signaling.NewPassKey(c.key), Times: quick})
	rules := signaling.NewAccess(signaling.AccessConfig{Open: true})
	f := &front{httptest.NewServer(signaling.NewFront(signaling.FrontConfig{}).Guard(gateway.Keep(rules.Guard(gw.Handler())))), gw, t}
	defer f.Close()
	s := f.create()
	events, err := client.Get(s.Events)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	gw.Close()
	if _, err := io.ReadAll(events.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	if resp, body := f.ask("GET", s.Control, ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
