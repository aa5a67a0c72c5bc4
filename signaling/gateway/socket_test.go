package gateway_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

// socket is a client of /ws.
type socket struct {
	*websocket.Conn
	t *testing.T
}

// open opens a websocket; headers are pairs.
func (f *front) open(path string, headers ...string) *socket {
	f.t.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	c, a, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.URL, "http")+path, h)
	if err != nil {
		f.t.Fatalf("%v: %+v", err, a)
	}
	a.Body.Close()
	f.t.Cleanup(func() { c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &socket{c, f.t}
}

// ask sends a message and returns the answer.
func (s *socket) ask(message any) map[string]any {
	s.t.Helper()
	if err := s.WriteJSON(message); err != nil {
		s.t.Fatal(err)
	}
	var m map[string]any
	if err := s.ReadJSON(&m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// closes reads until the other end closes, and returns how.
func (s *socket) closes() int {
	s.t.Helper()
	for {
		_, _, err := s.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code
		}
		if err != nil {
			s.t.Errorf("cut off: %v", err)
			return 0
		}
	}
}

func publish(id string, more ...string) map[string]any {
	m := map[string]any{"v": 1, "type": "publish", "session": id, "sdp": signalingtest.Offer}
	if len(more) > 0 {
		m["from"], m["to"] = more[0], more[1:]
	}
	return m
}

// TestBareSocket: at /ws the first message says which session is meant, and may create it.
func TestBareSocket(t *testing.T) {
	c := newTown(t)
	a, b := c.node("a", 4, nil), c.node("b", 4, nil)
	g := c.gateway()
	s := g.open("/ws")
	for _, tt := range []struct {
		message any
		want    string // type, or code of an error
	}{
		{map[string]any{"v": 1, "type": "ping"}, "pong"},
		{map[string]any{"v": 1, "type": "candidate", "candidate": "x"}, "bad_request"},
		{map[string]any{"v": 2, "type": "ping"}, "bad_request"},
		{"nonsense", "bad_request"},
		{map[string]any{"v": 1, "type": "view", "session": "talk", "lang": "es", "sdp": signalingtest.Offer}, "not_found"},
		{publish("talk"), "not_found"},
		{map[string]any{"v": 1, "type": "publish", "session": "talk", "from": "en", "to": []string{"es"}, "sdp": "no offer"}, "bad_offer"},
		{publish("no name", "en", "es"), "not_found"},
		{publish("talk", "en", "es"), "answer"}, // by a program on this machine
		{map[string]any{"v": 1, "type": "ping"}, "pong"},
		{map[string]any{"v": 1, "type": "candidate", "candidate": "candidate:1 1 udp 1 127.0.0.1 1 typ host"}, ""},
		{publish("talk"), "bad_request"}, // it has its peer
	} {
		if tt.want == "" {
			if err := s.WriteJSON(tt.message); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if m := s.ask(tt.message); m["type"] != tt.want && m["code"] != tt.want {
			t.Errorf("%v: %v", tt.message, m)
		}
	}
	at, other := c.holder("talk", a, b)
	if len(at.Peers()) != 1 || len(other.Peers()) != 0 || g.count("sessions_placed_total", "") != 1 || g.count("forwarding", "") < 1 {
		t.Errorf("%d and %d peers", len(at.Peers()), len(other.Peers()))
	}
	eventually(t, "the candidate is there", func() bool { return len(at.Peers()[0].Got()) == 1 })
	viewer := g.open("/ws")
	view := map[string]any{"v": 1, "type": "view", "session": "talk", "lang": "xx", "sdp": signalingtest.Offer}
	if m := viewer.ask(view); m["code"] != "not_found" {
		t.Errorf("a language that is not there: %v", m)
	}
	view["lang"] = "es"
	if m := viewer.ask(view); m["type"] != "answer" || len(at.Peers()) != 2 {
		t.Errorf("%v", m)
	}
	// Either end's leaving reaches the other.
	if m := s.ask(map[string]any{"v": 1, "type": "ping"}); m["type"] != "pong" {
		t.Errorf("%v", m)
	}
	if err := s.WriteJSON(map[string]any{"v": 1, "type": "bye"}); err != nil {
		t.Fatal(err)
	}
	if code := s.closes(); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
	eventually(t, "the publisher's peer is closed", func() bool { return at.Peers()[0].Closes() == 1 })
	at.Peers()[1].End()
	if code := viewer.closes(); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
	gone := g.open("/ws")
	if m := gone.ask(view); m["type"] != "answer" {
		t.Errorf("%v", m)
	}
	gone.NetConn().Close() // without a word
	eventually(t, "the viewer's peer is closed", func() bool { return at.Peers()[2].Closes() == 1 })
	eventually(t, "nothing is forwarded any more", func() bool { return g.count("forwarding", "") == 0 })
}

// TestBareSocketFaults: a node that refuses or has died is passed over.
func TestBareSocketFaults(t *testing.T) {
	c := newTown(t)
	liar, honest := c.node("liar", 100, nil), c.node("honest", 4, nil)
	liar.full = true
	g := c.gateway()
	s := g.open("/ws")
	if m := s.ask(publish("talk", "en", "es")); m["type"] != "answer" || len(honest.Peers()) != 1 {
		t.Fatalf("%v", m)
	}
	liar.full = false
	eventually(t, "its next heartbeat", func() bool {
		nodes, err := c.reg.Nodes(t.Context())
		return err == nil && !nodes[1].Refuse
	})
	honest.CloseClientConnections() // hijacked ones are the test server's no more
	honest.Listener.Close()
	other := g.open("/ws")
	if m := other.ask(map[string]any{"v": 1, "type": "view", "session": "talk", "lang": "es", "sdp": signalingtest.Offer}); m["type"] != "answer" || len(liar.Peers()) != 1 {
		t.Errorf("%v", m)
	}
}

// TestBareSocketBounds: what is no client of ours is closed or refused, and holds nothing.
func TestBareSocketBounds(t *testing.T) {
	c := newTown(t)
	n := c.node("a", 4, nil)
	g := c.gateway()
	for name, tt := range map[string]struct {
		send func(*socket) error
		code int
	}{
		"binary":   {func(s *socket) error { return s.WriteMessage(websocket.BinaryMessage, []byte("x")) }, websocket.CloseUnsupportedData},
		"too long": {func(s *socket) error { return s.WriteMessage(websocket.TextMessage, make([]byte, 65<<10)) }, websocket.CloseMessageTooBig},
		"bye":      {func(s *socket) error { return s.WriteMessage(websocket.TextMessage, []byte(`{"v":1,"type":"bye"}`)) }, websocket.CloseNormalClosure},
		"chatter": {func(s *socket) error {
			for range 32 { // not one more: the connection may be closed by then
				if err := s.WriteMessage(websocket.TextMessage, []byte(`{"v":1,"type":"ping"}`)); err != nil {
					return err
				}
			}
			return nil
		}, websocket.ClosePolicyViolation},
	} {
		s := g.open("/ws")
		if err := tt.send(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if code := s.closes(); code != tt.code {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	dial := func(headers ...string) int {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		conn, a, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(g.URL, "http")+"/ws", h)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		a.Body.Close()
		return a.StatusCode
	}
	if status := dial("Origin", "https://evil.example"); status != 404 {
		t.Errorf("a page of another origin: %d", status)
	}
	for i := range 9 {
		if status := dial("X-Forwarded-For", "203.0.113.9"); status != map[bool]int{true: 101, false: 429}[i < 8] {
			t.Errorf("websocket %d of one address: %d", i, status)
		}
	}
	// Who is not here may not create a session by its name, and needs a capability to use one.
	s := g.open("/ws", "X-Forwarded-For", "203.0.113.10")
	if m := s.ask(publish("mine", "en", "es")); m["code"] != "not_found" {
		t.Errorf("%v", m)
	}
	made := g.create()
	whip := strings.Split(made.WHIP, "~")
	s = g.open("/ws", "X-Forwarded-For", "203.0.113.10", "Authorization", "Bearer "+whip[len(whip)-1])
	if m := s.ask(publish(made.ID)); m["type"] != "answer" || len(n.Peers()) != 1 {
		t.Errorf("%v", m)
	}
	g.gateway.Close()
	if code := s.closes(); code != websocket.CloseGoingAway {
		t.Errorf("the gateway leaves: closed with %d", code)
	}
	nodes, err := c.reg.Nodes(t.Context())
	if told, _ := json.Marshal(nodes); err != nil || nodes[0].Claims != 1 {
		t.Errorf("%s, %v", told, err)
	}
}

// TestEventsBySocket: a client that wants events and no peer is led to its session's node.
func TestEventsBySocket(t *testing.T) {
	c := newTown(t)
	c.tells = true
	a, b := c.node("a", 4, nil), c.node("b", 4, nil)
	g := c.gateway()
	made := g.create()
	at, _ := c.holder(made.ID, a, b)
	control := made.Control[strings.LastIndex(made.Control, "/"):]
	for _, path := range []string{"/ws", "/ws" + control} {
		s := g.open(path)
		if m := s.ask(map[string]any{"v": 1, "type": "events", "session": "nobody"}); path == "/ws" && m["code"] != "not_found" {
			t.Errorf("of no session: %v", m)
		}
		if m := s.ask(map[string]any{"v": 1, "type": "events", "session": made.ID, "detail": "visemes"}); m["type"] != "following" {
			t.Fatalf("%s: %v", path, m)
		}
		at.events <- signaling.Event{Seq: 5, Dumped: &signaling.Dumped{To: time.Second, Phrases: []int{2}}}
		var m map[string]any
		if err := s.ReadJSON(&m); err != nil || m["event"] != "dumped" || m["id"] != 5. {
			t.Errorf("%s: %v %v", path, m, err)
		}
		s.Close()
		eventually(t, "the client is gone", func() bool { return g.count("forwarding", "") == 0 })
	}
}
