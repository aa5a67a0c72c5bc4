package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/memory"
	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/api"
	"livedub/signaling/gateway"
	"livedub/signaling/member"
	"livedub/signaling/signalingtest"
	"livedub/signaling/whip"
	"livedub/signaling/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const operator = "0123456789abcdef-0123456789abcdef"

// town is a cluster over a registry in memory: nodes whose sessions are fake, and gateways.
type town struct {
	t    *testing.T
	reg  *memory.Registry
	key  access.Key
	caps access.Key // of capabilities, the same at all nodes

	mu  sync.Mutex
	now time.Duration // added to the registry's clock
}

func newTown(t *testing.T) *town {
	c := &town{t: t, key: access.RandomKey(), caps: access.RandomKey()}
	c.reg = memory.New(cluster.Rules{}, func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return time.Now().Add(c.now) })
	return c
}

// node is a node with fake sessions.
type node struct {
	*httptest.Server
	*signalingtest.Desk
	id     string
	member *member.Member
	full   bool
	events chan signaling.Event

	mu      sync.Mutex
	epochs  map[string]string
	clients []string // who asked, as the node takes it
	wrap    func(http.Handler) http.Handler
}

// record is what a fake node keeps of a session.
type record struct{ Epoch string }

func (n *node) Create(ctx context.Context, r signaling.Request) (info signaling.Info, err error) {
	err = n.member.Claim(ctx, r.ID, func() ([]byte, error) {
		if n.full {
			return nil, signaling.ErrFull
		}
		if info, err = n.Desk.Create(ctx, r); err != nil {
			return nil, err
		}
		return json.Marshal(record{info.Epoch})
	})
	info.Fence = n.member.Fence(r.ID)
	return info, err
}

func (n *node) Get(id string) (signaling.Info, error) {
	info, err := n.Desk.Get(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.epochs[id]; e != "" {
		info.Epoch = e
	}
	info.Fence = n.member.Fence(id)
	return info, err
}

func (n *node) Delete(id string) error {
	err := n.Desk.Delete(id)
	n.member.Ended(id)
	return err
}

func (n *node) Reopen(ctx context.Context, id string, kept []byte) error {
	var r record
	if err := json.Unmarshal(kept, &r); err != nil {
		return err
	}
	if n.full {
		return signaling.ErrFull
	}
	n.mu.Lock()
	n.epochs[id] = r.Epoch
	n.mu.Unlock()
	_, err := n.Desk.Create(ctx, signaling.Request{ID: id, From: "en", To: []inference.Lang{"es"}})
	return err
}

func (n *node) End(id string) { _ = n.Desk.Delete(id) }

func (n *node) Events(string) (<-chan signaling.Event, func(), error) {
	return n.events, func() {}, nil
}

func (n *node) Pairs() []signaling.PairInfo { return []signaling.PairInfo{{From: "en", To: "es"}} }

// node starts a node of so many places.
func (c *town) node(id string, places float64, wrap func(http.Handler) http.Handler) *node {
	c.t.Helper()
	n := &node{Desk: signalingtest.NewDesk(), id: id, epochs: map[string]string{}, events: make(chan signaling.Event, 8), wrap: wrap}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "{}") })
	mux.HandleFunc("POST /v1/sessions/{id}/big", func(w http.ResponseWriter, r *http.Request) {})
	apis := api.New(api.Config{Sessions: n})
	whips := whip.New(whip.Config{Sessions: n})
	sockets := ws.New(ws.Config{Sessions: n})
	apis.Register(mux)
	whips.Register(mux)
	sockets.Register(mux)
	rules := signaling.NewAccess(signaling.AccessConfig{Key: c.caps, Lifetime: time.Hour})
	front := signaling.NewFront(signaling.FrontConfig{Proxies: nil})
	n.Server = httptest.NewUnstartedServer(nil)
	boot := "boot-" + n.Listener.Addr().String()[len("127.0.0.1:"):]
	n.member = member.New(member.Config{
		Registry: c.reg, Saved: c.reg, Key: c.key, Sessions: n,
		Self: func() cluster.Node {
			return cluster.Node{ID: id, Boot: boot, Addr: "http://" + n.Listener.Addr().String(), State: cluster.Serving, Capacity: places}
		},
	})
	note := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.clients = append(n.clients, r.Method+" "+signaling.From(r).Address().String())
		n.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
	h := n.member.Guard(front.Guard(rules.Guard(note)))
	if wrap != nil {
		h = wrap(h)
	}
	n.Config.Handler = h
	n.Server.Start()
	if err := n.member.Start(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		apis.Close()
		whips.Close()
		sockets.Close()
		n.member.Close()
		n.CloseClientConnections()
		n.Server.Close()
	})
	return n
}

var quick = gateway.Times{
	Dial: time.Second, Answer: 5 * time.Second, Doubt: 300 * time.Millisecond,
	Probe: 200 * time.Millisecond, Apart: 50 * time.Millisecond, Write: 5 * time.Second,
}

// front is a gateway that is served.
type front struct {
	*httptest.Server
	t *testing.T
}

func (c *town) gateway() *front {
	g := gateway.New(gateway.Config{Registry: c.reg, Key: signaling.NewPassKey(c.key), Times: quick})
	rules := signaling.NewAccess(signaling.AccessConfig{OperatorToken: operator, Open: true})
	in := signaling.NewFront(signaling.FrontConfig{})
	f := &front{httptest.NewServer(in.Guard(gateway.Keep(rules.Guard(g.Handler())))), c.t}
	c.t.Cleanup(func() { f.CloseClientConnections(); g.Close(); f.Close() })
	return f
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 2 * time.Second}}

// ask sends a request and reads the answer; headers are pairs.
func (f *front) ask(method, url, body string, headers ...string) (*http.Response, string) {
	f.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = f.URL + url
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if len(body) > 1<<20 { // else the answer may be lost in what is still being sent
		r.Header.Set("Expect", "100-continue")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return a, string(b)
}

// session is what POST answers.
type session struct {
	ID, WHIP, Control, Events string
	WHEP                      map[string]string
	Fence                     int64
}

func (f *front) create() session {
	f.t.Helper()
	a, body := f.ask("POST", "/v1/sessions", `{"from":"en","to":["es","ca"]}`)
	var s session
	if err := json.Unmarshal([]byte(body), &s); err != nil || a.StatusCode != 201 {
		f.t.Fatalf("%d %s", a.StatusCode, body)
	}
	return s
}

// holder returns the node that holds a session.
func (c *town) holder(id string, nodes ...*node) (at, other *node) {
	c.t.Helper()
	claim, err := c.reg.Find(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.id == claim.Node {
			at = n
		} else {
			other = n
		}
	}
	return at, other
}

// TestThroughTheGateway has a session made, published, watched, followed and ended through either of two gateways.
func TestThroughTheGateway(t *testing.T) {
	c := newTown(t)
	a, b := c.node("a", 4, nil), c.node("b", 4, nil)
	one, two := c.gateway(), c.gateway()
	s := one.create()
	if s.Fence == 0 || !strings.HasPrefix(s.WHIP, one.URL+"/whip/"+s.ID+"~p.") {
		t.Fatalf("%+v", s)
	}
	at, _ := c.holder(s.ID, a, b)
	swap := func(url string) string { return two.URL + strings.TrimPrefix(url, one.URL) }
	resp, body := two.ask("POST", swap(s.WHIP), signalingtest.Offer, "Content-Type", "application/sdp")
	if resp.StatusCode != 201 || body != signalingtest.Answer || resp.Header.Get("Livedub-Fence") == "" || resp.Header.Get("Livedub-Node") != "" {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if got := resp.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 {
		t.Errorf("CORS: %v", got)
	}
	peer := resp.Header.Get("Location")
	if resp, body := one.ask("PATCH", peer, "a=ice-ufrag:90w/\r\n", "Content-Type", "application/trickle-ice-sdpfrag"); resp.StatusCode != 204 {
		t.Errorf("PATCH %s: %d %s", peer, resp.StatusCode, body)
	}
	if resp, body := one.ask("POST", s.WHEP["es"], signalingtest.Offer); resp.StatusCode != 201 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := one.ask("DELETE", peer, ""); resp.StatusCode != 200 {
		t.Errorf("DELETE %s: %d", peer, resp.StatusCode)
	}
	// Events come at once, though the stream goes on.
	events, err := client.Get(s.Events)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	at.events <- signaling.Event{Caption: &signaling.Caption{Lang: "es", ID: 7, Text: "hola", Final: true}}
	lines := bufio.NewScanner(events.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), "hola") {
	}
	if !strings.Contains(lines.Text(), "hola") {
		t.Errorf("no caption: %v", lines.Err())
	}
	events.Body.Close()
	// A websocket.
	socket, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(strings.Replace(strings.TrimSuffix(s.WHEP["es"], "/es"), "/whep/", "/ws/", 1), "http"), nil)
	if err != nil {
		said, _ := io.ReadAll(answer.Body)
		t.Fatalf("%v: %d %s", err, answer.StatusCode, said)
	}
	answer.Body.Close()
	if err := socket.WriteJSON(map[string]any{"v": 1, "type": "ping"}); err != nil {
		t.Error(err)
	}
	if _, data, err := socket.ReadMessage(); err != nil || !bytes.Contains(data, []byte("pong")) {
		t.Errorf("%s, %v", data, err)
	}
	socket.Close()

	if resp, body := two.ask("GET", "/v1/sessions", ""); resp.StatusCode != 200 || !strings.Contains(body, s.ID) || !strings.Contains(body, `"id":"b"`) {
		t.Errorf("the list: %d %s", resp.StatusCode, body)
	}
	if resp, body := two.ask("GET", "/v1/languages", ""); resp.StatusCode != 200 || !strings.Contains(body, `"to":"es"`) {
		t.Errorf("languages: %d %s", resp.StatusCode, body)
	}
	if resp, body := two.ask("DELETE", swap(s.Control), ""); resp.StatusCode != 204 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if _, err := c.reg.Find(t.Context(), s.ID); err == nil {
		t.Error("the place is still taken")
	}
}

// TestWhoMay: the gateway's word on who asks counts at the node, and only the gateway's.
func TestWhoMay(t *testing.T) {
	c := newTown(t)
	n := c.node("a", 4, nil)
	g := c.gateway()
	s := g.create()
	bare := "/v1/sessions/" + s.ID
	for _, tt := range []struct {
		name, method, path string
		headers            []string
		status             int
		client             string // as the node takes it
	}{
		{"a program here", "GET", bare, nil, 200, "127.0.0.1"},
		{"a program behind a proxy", "GET", bare, []string{"X-Forwarded-For", "203.0.113.9"}, 404, "203.0.113.9"},
		{"an operator behind a proxy", "GET", bare, []string{"X-Forwarded-For", "203.0.113.9", "Authorization", "Bearer " + operator}, 200, "203.0.113.9"},
		{"a capability behind a proxy", "GET", strings.TrimPrefix(s.Control, g.URL), []string{"X-Forwarded-For", "203.0.113.9"}, 200, "203.0.113.9"},
		{"a forged pass", "GET", bare, []string{"X-Forwarded-For", "203.0.113.9", "Livedub-Pass", "x.y"}, 404, "203.0.113.9"},
		{"a page of another origin", "POST", "/v1/sessions", []string{"Origin", "https://evil.example"}, 404, ""},
		{"the gateway's own page", "POST", "/v1/sessions", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "localhost", "Origin", "https://localhost"}, 201, "203.0.113.9"},
		{"nobody's list", "GET", "/v1/sessions", []string{"X-Forwarded-For", "203.0.113.9"}, 404, ""},
		{"another name", "GET", bare, []string{"X-Forwarded-Host", "evil.example"}, 421, ""},
	} {
		n.mu.Lock()
		n.clients = nil
		n.mu.Unlock()
		resp, body := g.ask(tt.method, tt.path, `{"from":"en","to":["es"]}`, tt.headers...)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, body)
		}
		n.mu.Lock()
		if got := strings.Join(n.clients, ","); tt.client == "" && got != "" || tt.client != "" && got != tt.method+" "+tt.client {
			t.Errorf("%s: the node was asked by %q", tt.name, got)
		}
		n.mu.Unlock()
	}
	// Straight to the node.
	for name, sealed := range map[string]string{
		"forged":          "x.y",
		"another cluster": signaling.NewPassKey(access.RandomKey()).Seal(signaling.Pass{Node: "a", Operator: true}, "GET", bare, time.Now()),
		"another request": signaling.NewPassKey(c.key).Seal(signaling.Pass{Node: "a", Operator: true}, "GET", "/v1/sessions", time.Now()),
		"old":             signaling.NewPassKey(c.key).Seal(signaling.Pass{Node: "a", Operator: true}, "GET", bare, time.Now().Add(-time.Hour)),
		"another node":    signaling.NewPassKey(c.key).Seal(signaling.Pass{Node: "b", Operator: true}, "GET", bare, time.Now()),
	} {
		if resp, body := g.ask("GET", n.URL+bare, "", "Livedub-Pass", sealed); resp.StatusCode != 421 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	if resp, body := g.ask("POST", n.URL+"/v1/sessions", `{"from":"en","to":["es"]}`, "Sec-Fetch-Site", "none"); resp.StatusCode != 421 || !strings.Contains(body, "gateway") {
		t.Errorf("created past the gateways: %d %s", resp.StatusCode, body)
	}
}

// TestBadRequests are refused without harm, and take no place.
func TestBadRequests(t *testing.T) {
	c := newTown(t)
	c.node("a", 4, nil)
	g := c.gateway()
	s := g.create()
	big := strings.Repeat("x", 10<<20)
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/sessions", big, 413},
		{"POST", "/v1/sessions", "nonsense", 400},
		{"POST", "/v1/sessions", `{"from":"en"}`, 400},
		{"PUT", "/v1/sessions", "", 405},
		{"POST", strings.TrimPrefix(s.WHIP, g.URL), big, 413},
		{"GET", "/v1/sessions/nobody", "", 404},
		{"GET", "/v1/sessions/" + strings.Repeat("x", 200), "", 404},
		{"POST", "/whip/nobody", signalingtest.Offer, 404},
		{"POST", "/whep/nobody/es", signalingtest.Offer, 404},
		{"GET", "/ws/nobody", "", 404},
		{"GET", "/ws", "", 404},
		{"GET", "/nothing", "", 404},
		{"POST", "/whip/named?from=en&to=es", "no offer", 400},
	} {
		resp, body := g.ask(tt.method, tt.path, tt.body)
		var said struct{ Error, Hint string }
		if err := json.Unmarshal([]byte(body), &said); resp.StatusCode != tt.status || err != nil || said.Error == "" || said.Hint == "" {
			t.Errorf("%s %.40s: %d %.200s", tt.method, tt.path, resp.StatusCode, body)
		}
	}
	nodes, err := c.reg.Nodes(t.Context())
	if err != nil || nodes[0].Claims != 1 {
		t.Errorf("%+v, %v: one session is there", nodes, err)
	}
	if resp, _ := g.ask("POST", "/whip/named?from=en&to=es", signalingtest.Offer); resp.StatusCode != 201 || !strings.HasPrefix(resp.Header.Get("Location"), "/whip/named~") {
		t.Errorf("a session made by its name: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ := g.ask("OPTIONS", strings.TrimPrefix(s.WHIP, g.URL), "", "Origin", "https://other.example", "Access-Control-Request-Method", "POST")
	if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
}

// TestNoPlace: what is full says so, and the next node is asked where one is full against its word.
func TestNoPlace(t *testing.T) {
	c := newTown(t)
	g := c.gateway()
	resp, body := g.ask("POST", "/v1/sessions", `{"from":"en","to":["es"]}`)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "no node has a place left") {
		t.Errorf("no nodes: %d %v %s", resp.StatusCode, resp.Header, body)
	}
	liar, honest := c.node("liar", 100, nil), c.node("honest", 2, nil)
	liar.full = true
	s := g.create()
	if at, _ := c.holder(s.ID, liar, honest); at != honest {
		t.Errorf("at %s", at.id)
	}
	honest.full = true
	if resp, body := g.ask("POST", "/v1/sessions", `{"from":"en","to":["es"]}`); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("all full: %d %s", resp.StatusCode, body)
	}
	nodes, err := c.reg.Nodes(t.Context())
	if err != nil || nodes[0].Claims+nodes[1].Claims != 1 {
		t.Errorf("%+v, %v", nodes, err)
	}
}

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
	f := &front{httptest.NewServer(signaling.NewFront(signaling.FrontConfig{}).Guard(gateway.Keep(rules.Guard(gw.Handler())))), t}
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
