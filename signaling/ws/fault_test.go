package ws

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

func TestMessagesThatEndTheConnection(t *testing.T) {
	r := open(t, nil)
	for name, m := range map[string]struct {
		kind, size, status int
		reason             string
	}{
		"65537 bytes":   {websocket.TextMessage, maxMessage + 1, websocket.CloseMessageTooBig, "65536 bytes"},
		"10 MB":         {websocket.TextMessage, 10 << 20, websocket.CloseMessageTooBig, "65536 bytes"},
		"binary":        {websocket.BinaryMessage, 3, websocket.CloseUnsupportedData, "send JSON"},
		"10 MB, binary": {websocket.BinaryMessage, 10 << 20, websocket.CloseUnsupportedData, "send JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.T = t
			c := r.dial()
			if err := c.WriteMessage(m.kind, bytes.Repeat([]byte{0xfe}, m.size)); err != nil {
				t.Errorf("cut off while writing: %v", err)
			}
			c.closed(m.status, m.reason)
		})
	}
	c := r.dial()
	c.say(strings.Repeat(" ", maxMessage-len(`{"v":1,"type":"ping"}`)) + `{"v":1,"type":"ping"}`)
	c.hear("pong") // the largest that is allowed
	c.Close()
	r.Eventually("all are gone", func() bool { return r.Serving() == 0 })
}

func TestFloods(t *testing.T) {
	r := open(t, nil)
	c := r.dial()
	c.offer("view", "talk", "lang", "es")
	c.hear("answer")
	go func() { // the close comes while it still writes
		for c.WriteMessage(websocket.TextMessage, []byte(`{"v":1,"type":"candidate","candidate":"x"}`)) == nil {
		}
	}()
	c.closed(websocket.ClosePolicyViolation, "too many messages")
	r.Eventually("the peer is closed", func() bool { return r.peer(0).Closes() == 1 })
	if n := len(r.peer(0).Got()); n < 100 || n > 2000 {
		t.Errorf("%d candidates came through", n)
	}
	c.Close()

	p := r.dial()
	for range 100_000 {
		if p.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) != nil {
			break
		}
	}
	r.Eventually("pings without end are cut off", func() bool { return r.Serving() == 0 })
}

func TestClientsWhoVanish(t *testing.T) {
	quick := Times{Ping: 20 * time.Millisecond, Silent: 150 * time.Millisecond, Write: 300 * time.Millisecond, Answer: time.Second, Idle: time.Minute}
	r := open(t, func(c *Config, _ *signalingtest.Desk) { c.Times = quick })
	gone := func(n int) func() bool { return func() bool { return r.peer(n).Closes() == 1 && r.Serving() == 0 } }

	c := r.dial()
	c.offer("view", "talk", "lang", "es")
	c.hear("answer")
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close() // reset, without a close frame
	r.Eventually("a reset frees the peer", gone(0))

	c = r.dial()
	c.offer("publish", "talk")
	c.hear("answer") // from here on it reads nothing: no pong, no close, but no FIN either
	r.Eventually("silence frees the peer", gone(1))
}

func TestIdleConnectionsEnd(t *testing.T) {
	r := open(t, func(c *Config, _ *signalingtest.Desk) {
		c.Times = Times{Ping: 10 * time.Millisecond, Silent: time.Minute, Write: time.Second, Answer: time.Second, Idle: 100 * time.Millisecond}
	})
	r.dial().closed(websocket.ClosePolicyViolation, "idle") // though it answers pings
}

// TestClientWhoReadsNothing fills every buffer between us and a client.
func TestClientWhoReadsNothing(t *testing.T) {
	r := open(t, func(c *Config, d *signalingtest.Desk) {
		c.Times = Times{Ping: time.Minute, Silent: time.Minute, Write: 200 * time.Millisecond, Answer: time.Second, Idle: time.Minute}
		d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) {
			return nil, "", signaling.ErrBadOffer.Errorf("%s", strings.Repeat("much to say ", 1<<20))
		}
	})
	c := r.dial()
	c.NetConn().(*net.TCPConn).SetReadBuffer(4096)
	c.offer("publish", "talk")
	r.Eventually("it is cut off", func() bool { return r.Serving() == 0 })
}

func TestPeerEnds(t *testing.T) {
	r := open(t, nil)
	c := r.dial()
	c.offer("view", "talk", "lang", "es")
	c.hear("answer")
	r.peer(0).End()
	if m := c.hear("bye"); m["reason"] != "the peer has ended" {
		t.Errorf("%v", m)
	}
	c.closed(websocket.CloseNormalClosure, "the peer has ended")
	r.Eventually("nothing is left", func() bool { return r.Serving() == 0 && r.peer(0).Closes() == 1 })
}

func TestCloseSaysByeToAll(t *testing.T) {
	answering := make(chan struct{}, 1)
	r := open(t, func(_ *Config, d *signalingtest.Desk) {
		d.PublishFunc = func(ctx context.Context, _, _ string) (signaling.Peer, string, error) {
			answering <- struct{}{}
			<-ctx.Done()
			return nil, "", ctx.Err()
		}
	})
	viewer, idle, publisher := r.dial(), r.dial(), r.dial()
	viewer.offer("view", "talk", "lang", "es")
	viewer.hear("answer")
	publisher.offer("publish", "talk")
	<-answering
	closed := make(chan struct{})
	go func() { r.endpoint.Close(); close(closed) }()
	for _, c := range []*client{viewer, idle} {
		c.hear("bye")
		c.closed(websocket.CloseGoingAway, "shutting down")
	}
	publisher.closed(websocket.CloseGoingAway, "shutting down") // perhaps after an error about its offer
	<-closed
	if n := r.peer(0).Closes(); n != 1 {
		t.Errorf("%d closes", n)
	}
	r.Eventually("nothing is served", func() bool { return r.Serving() == 0 }) // the last handler has yet to return
	if _, resp, err := websocket.DefaultDialer.Dial(r.url(), nil); err == nil || resp.StatusCode != 503 {
		t.Errorf("after Close: %v %v", resp, err)
	}
}

// TestBrokenFrames speaks what is no websocket after the handshake.
func TestBrokenFrames(t *testing.T) {
	r := open(t, nil)
	for _, garbage := range []string{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "GET / HTTP/1.1\r\n\r\n", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x81\x05hello", "\x00"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		req := r.Request("GET", "/ws", "", "Connection", "Upgrade", "Upgrade", "websocket",
			"Sec-Websocket-Version", "13", "Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		if err := req.Write(conn); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), req); err != nil || resp.StatusCode != 101 {
			t.Fatalf("%v %v", resp, err)
		}
		if _, err := conn.Write([]byte(garbage)); err != nil {
			t.Fatal(err)
		}
		conn.(*net.TCPConn).CloseWrite()
		r.Eventually("it is cut off", func() bool { return r.Serving() == 0 })
		conn.Close()
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	r := open(t, nil)
	for range maxConns {
		if err := r.endpoint.gate.Enter(); err != nil {
			t.Fatal(err)
		}
		defer r.endpoint.gate.Leave()
	}
	if _, resp, err := websocket.DefaultDialer.Dial(r.url(), nil); err == nil || resp.StatusCode != 503 {
		t.Errorf("%v %v", resp, err)
	}
}
