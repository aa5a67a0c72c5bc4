package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/signaling/signalingtest"
)

// TestCutFromTheRegistryAlone: a node whose heartbeats have ended, and that answers,
// keeps its sessions. It is given no new ones.
func TestCutFromTheRegistryAlone(t *testing.T) {
	c := newTown(t)
	a, b := c.node("a", 4, nil), c.node("b", 4, nil)
	g := c.gateway()
	s := g.create()
	at, other := c.holder(s.ID, a, b)
	at.reg.Away(true)
	c.later(6*time.Second, other)
	if claim, err := c.reg.Find(t.Context(), s.ID); err != nil || !claim.Lost {
		t.Fatalf("%+v, %v", claim, err)
	}
	var now session
	if resp, body := g.ask("GET", s.Control, ""); json.Unmarshal([]byte(body), &now) != nil || resp.StatusCode != 200 || now.Fence != s.Fence {
		t.Errorf("%d, fence %d, before %d: %s", resp.StatusCode, now.Fence, s.Fence, body)
	}
	if resp, body := g.ask("POST", s.WHIP, signalingtest.Offer); resp.StatusCode != 201 || len(at.Peers()) != 1 {
		t.Errorf("%d %s, %d peers", resp.StatusCode, body, len(at.Peers()))
	}
	if next := g.create(); next.ID != "" {
		if there, _ := c.holder(next.ID, a, b); there != other {
			t.Errorf("a new session is at %s", there.id)
		}
	}
	if g.count("sessions_moved_total", "dead") != 0 || g.count("probes_total", "answered") == 0 {
		t.Errorf("moved %v, probes answered %v", g.count("sessions_moved_total", "dead"), g.count("probes_total", "answered"))
	}
	at.reg.Away(false)
	eventually(t, "the node is there again", func() bool {
		claim, err := c.reg.Find(t.Context(), s.ID)
		return err == nil && !claim.Lost && int64(claim.Fence) == s.Fence
	})
}

// TestCutOffNodeLetsGo: a node that neither the registry nor the gateways reached
// hears from the one that took its session over, and ends it.
func TestCutOffNodeLetsGo(t *testing.T) {
	c := newTown(t)
	var mu sync.Mutex
	cut := ""
	wrap := func(id string) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				away := cut == id
				mu.Unlock()
				if away {
					hang(w, r)
					return
				}
				h.ServeHTTP(w, r)
			})
		}
	}
	a, b := c.node("a", 4, wrap("a")), c.node("b", 4, wrap("b"))
	g := c.gateway()
	s := g.create()
	at, other := c.holder(s.ID, a, b)
	at.reg.Away(true)
	mu.Lock()
	cut = at.id
	mu.Unlock()
	c.later(6*time.Second, other)
	if resp, body := g.ask("POST", s.WHIP, signalingtest.Offer); resp.StatusCode != 201 || len(other.Peers()) != 1 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if g.count("sessions_moved_total", "dead") != 1 {
		t.Errorf("moved %v", g.count("sessions_moved_total", "dead"))
	}
	if _, err := at.Get(s.ID); err != nil {
		t.Fatalf("nobody can have told it yet: %v", err)
	}
	mu.Lock()
	cut = ""
	mu.Unlock()
	eventually(t, "the node before lets go", func() bool { _, err := at.Get(s.ID); return err != nil && at.member.Fence(s.ID) == 0 })
	if resp, body := g.ask("GET", s.Control, ""); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if claim, err := c.reg.Find(t.Context(), s.ID); err != nil || claim.Node != other.id || claim.Before.Node != at.id {
		t.Errorf("%+v, %v", claim, err)
	}
}

// TestLiars: nodes that tell of more room than they have are given what they confirm.
func TestLiars(t *testing.T) {
	c := newTown(t)
	var asked atomic.Int64
	counts := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				asked.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	}
	var liars []*node
	for _, id := range []string{"l1", "l2", "l3", "l4"} {
		liars = append(liars, c.node(id, cluster.MaxCapacity, counts))
	}
	liars[0].most = 2
	for _, l := range liars[1:] {
		l.full = true
	}
	honest := c.node("honest", 10, nil)
	g := c.gateway()
	for range 8 {
		g.create()
	}
	t.Logf("8 sessions: liars were asked %d times", asked.Load())
	nodes, err := c.reg.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		want := map[string]int{"l1": 2, "honest": 6}[n.ID]
		if n.Claims != want {
			t.Errorf("%s has %d sessions, want %d", n.ID, n.Claims, want)
		}
	}
	if len(honest.Desk.List()) != 6 || g.count("sessions_moved_total", "refused") < 3 {
		t.Errorf("%d sessions, moved %v", len(honest.Desk.List()), g.count("sessions_moved_total", "refused"))
	}
	eventually(t, "all are counted", func() bool { return g.count("sessions_placed_total", "") == 8 })
	honest.full = true
	if resp, body := g.ask("POST", "/v1/sessions", `{"from":"en","to":["es"]}`); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if g.count("refused_total", "full") != 1 {
		t.Errorf("refused %v", g.count("refused_total", "full"))
	}
}

// TestUnknownIsOneLookUp: what nobody has is looked up once, however many nodes there are.
func TestUnknownIsOneLookUp(t *testing.T) {
	c := newTown(t)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		c.node(id, 1, nil)
	}
	g := c.gateway()
	const asks = 200
	before := c.seen.Steps()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range asks / 8 {
				if resp, body := g.ask("GET", "/v1/sessions/nobody", ""); resp.StatusCode != 404 {
					t.Errorf("%d %s", resp.StatusCode, body)
				}
			}
		})
	}
	all.Wait()
	if steps := c.seen.Steps() - before; steps != asks {
		t.Errorf("%d steps of the registry for %d unknown sessions", steps, asks)
	}
	if g.count("refused_total", "not_found") != asks || g.count("registry_steps_total", "ok") != asks {
		t.Errorf("counted %v, %v", g.count("refused_total", "not_found"), g.count("registry_steps_total", "ok"))
	}
	c.seen.Away(true)
	if resp, body := g.ask("GET", "/v1/sessions/nobody", ""); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if g.count("refused_total", "registry") != 1 || g.count("registry_steps_total", "error") != 1 {
		t.Errorf("counted %v, %v", g.count("refused_total", "registry"), g.count("registry_steps_total", "error"))
	}
}

// TestClientsInALoop: who comes back again and again is held off, and others are served.
func TestClientsInALoop(t *testing.T) {
	c := newTown(t)
	c.node("a", 4, nil)
	g := c.gateway()
	s := g.create()
	const loops = 300
	for name, path := range map[string]string{
		"to publish": strings.TrimPrefix(s.WHIP, g.URL), "for an unknown session": "/v1/sessions/nobody", "by websocket": "/ws", "to create": "/v1/sessions",
	} {
		method, from := "POST", "203.0.113."+map[string]string{"to publish": "1", "for an unknown session": "2", "by websocket": "3", "to create": "4"}[name]
		if name == "by websocket" {
			method = "GET"
		}
		before, held := c.seen.Steps(), 0
		for range loops {
			resp, _ := g.ask(method, path, signalingtest.Offer, "X-Forwarded-For", from)
			if resp.StatusCode == 429 {
				held++
				if resp.Header.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", name)
				}
			}
		}
		steps := c.seen.Steps() - before
		t.Logf("%s: %d of %d held off, %d steps of the registry", name, held, loops, steps)
		if held < loops/3 || steps > 2*loops/3 {
			t.Errorf("%s: %d of %d held off, %d steps of the registry", name, held, loops, steps)
		}
		if resp, body := g.ask("GET", strings.TrimPrefix(s.Control, g.URL), "", "X-Forwarded-For", "198.51.100."+from[len(from)-1:]); resp.StatusCode != 200 {
			t.Errorf("%s: another address: %d %s", name, resp.StatusCode, body)
		}
	}
}
