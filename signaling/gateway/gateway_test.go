package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

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
	if resp, body := two.ask("GET", swap(s.HLS), ""); resp.StatusCode != 200 || body != s.ID+": es true, ca true" || len(resp.Header.Values("Access-Control-Allow-Origin")) != 1 {
		t.Errorf("GET %s: %d %s", s.HLS, resp.StatusCode, body)
	}
	for path, want := range map[string]int{"/hls/" + s.ID + "/index.m3u8": 404, "/hls/nobody/index.m3u8": 404, "/hls/": 404} {
		if resp, body := two.ask("GET", path, "", "X-Forwarded-For", "203.0.113.9"); resp.StatusCode != want || !strings.Contains(body, `"hint"`) {
			t.Errorf("GET %s: %d %s", path, resp.StatusCode, body)
		}
	}
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
	} else if !strings.Contains(body, `"holds":["`+s.ID+`"]`) || !strings.Contains(body, `"holds":[]`) {
		t.Errorf("who holds the session: %s", body)
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
		{"GET", "/ws", "", 400},
		{"POST", "/ws", "", 405},
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
