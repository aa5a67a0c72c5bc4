package gateway_test

import (
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

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/cluster/memory"
	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/api"
	"livedub/signaling/gateway"
	"livedub/signaling/hls"
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
	seen *clustertest.Flaky // as the gateways reach it
	key  access.Key
	caps access.Key // of capabilities, the same at all nodes

	keeps  api.Recordings // of the next node; nil for none
	tokens bool           // the next node takes signed tokens
	tells  bool           // the next node tells events by websocket too
	mouth  api.Mouths     // likewise

	mu  sync.Mutex
	now time.Duration // added to the registry's clock
}

func newTown(t *testing.T) *town {
	c := &town{t: t, key: access.RandomKey(), caps: access.RandomKey()}
	c.reg = memory.New(cluster.Rules{}, func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return time.Now().Add(c.now) })
	c.seen = &clustertest.Flaky{Registry: c.reg}
	return c
}

// later lets the registry's clock go on, a second at a time, while these nodes beat.
func (c *town) later(d time.Duration, beating ...*node) {
	c.t.Helper()
	for ; d > 0; d -= time.Second {
		c.mu.Lock()
		c.now += time.Second
		c.mu.Unlock()
		for _, n := range beating {
			if _, err := c.reg.Beat(c.t.Context(), n.self()); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// node is a node with fake sessions.
type node struct {
	*httptest.Server
	*signalingtest.Desk
	id     string
	reg    *clustertest.Flaky
	member *member.Member
	self   func() cluster.Node
	full   bool
	most   int // sessions, whatever it tells the registry; 0 for no bound
	events chan signaling.Event

	mu      sync.Mutex
	epochs  map[string]string
	clients []string // who asked, as the node takes it
	wrap    func(http.Handler) http.Handler
}

// air fakes what a node broadcasts: the playlist of all languages.
type air struct {
	hls.Programs
	n *node
}

func (a air) Session(id string) (signaling.Info, error) { return a.n.Get(id) }

func (a air) Multivariant(_ context.Context, id string, _ inference.Lang, sees func(inference.Lang) bool) (hls.File, error) {
	return hls.File{Type: "list", Data: [][]byte{fmt.Appendf(nil, "%s: es %v, ca %v", id, sees("es"), sees("ca"))}}, nil
}

// record is what a fake node keeps of a session.
type record struct{ Epoch string }

func (n *node) Create(ctx context.Context, r signaling.Request) (info signaling.Info, err error) {
	err = n.member.Claim(ctx, r.ID, func() ([]byte, error) {
		if n.full || n.most > 0 && len(n.Desk.List()) >= n.most {
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

func (n *node) Reopen(ctx context.Context, id string, parts [][]byte) error {
	var r record
	if err := json.Unmarshal(parts[0], &r); err != nil {
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

func (n *node) Events(string, signaling.Since) (signaling.Events, error) {
	return signalingtest.Events{C: n.events}, nil
}

func (n *node) Pairs() []signaling.PairInfo { return []signaling.PairInfo{{From: "en", To: "es"}} }

// node starts a node of so many places.
func (c *town) node(id string, places float64, wrap func(http.Handler) http.Handler) *node {
	c.t.Helper()
	n := &node{Desk: signalingtest.NewDesk(), id: id, reg: &clustertest.Flaky{Registry: c.reg}, epochs: map[string]string{}, events: make(chan signaling.Event, 8), wrap: wrap}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "{}") })
	mux.HandleFunc("POST /v1/sessions/{id}/big", func(w http.ResponseWriter, r *http.Request) {})
	apis := api.New(api.Config{Sessions: n, Recordings: c.keeps, Mouths: c.mouth, HLS: true})
	lists := hls.New(hls.Config{Programs: air{n: n}})
	whips := whip.New(whip.Config{Sessions: n})
	talks := ws.Config{Sessions: n}
	if c.tells {
		talks.Events = n.Events
	}
	sockets := ws.New(talks)
	apis.Register(mux)
	whips.Register(mux)
	sockets.Register(mux)
	lists.Register(mux)
	access := signaling.AccessConfig{Key: c.caps, Lifetime: time.Hour}
	if c.tokens {
		access.Tokens = signalingtest.Tokens()
	}
	rules := signaling.NewAccess(access)
	front := signaling.NewFront(signaling.FrontConfig{Proxies: nil})
	n.Server = httptest.NewUnstartedServer(nil)
	boot := "boot-" + n.Listener.Addr().String()[len("127.0.0.1:"):]
	n.self = func() cluster.Node {
		return cluster.Node{ID: id, Boot: boot, Addr: "http://" + n.Listener.Addr().String(), State: cluster.Serving, Capacity: places}
	}
	n.member = member.New(member.Config{
		Registry: n.reg, Saved: n.reg, Key: c.key, Sessions: n, Self: n.self,
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
		lists.Close()
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
	gateway *gateway.Gateway
	t       *testing.T
}

func (c *town) gateway() *front {
	g := gateway.New(gateway.Config{Registry: c.seen, Key: signaling.NewPassKey(c.key), Times: quick, Sockets: 8})
	rules := signaling.NewAccess(signaling.AccessConfig{OperatorToken: operator, Open: true})
	in := signaling.NewFront(signaling.FrontConfig{PerSecond: 5})
	f := &front{httptest.NewServer(in.Guard(gateway.Keep(rules.Guard(g.Handler())))), g, c.t}
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
	HLS                       string
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

// count returns what a metric of the gateway says; label is the value of its label, if it has one.
func (f *front) count(name, label string) float64 {
	f.t.Helper()
	r := prometheus.NewRegistry()
	if err := r.Register(f.gateway); err != nil {
		f.t.Fatal(err)
	}
	all, err := r.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() != "livedub_gateway_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if l := m.GetLabel(); len(l) == 0 || l[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	f.t.Fatalf("no metric %s %s", name, label)
	return 0
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
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
