package ws

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"livedub/signaling/signalingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the endpoint before a desk.
type rig struct {
	signalingtest.Rig
	endpoint *Server
}

// open serves a desk with the session "talk"; change may alter how.
func open(t *testing.T, change func(*Config, *signalingtest.Desk)) *rig {
	d := signalingtest.NewDesk("talk")
	c := Config{Sessions: d}
	if change != nil {
		change(&c, d)
	}
	endpoint := New(c)
	return &rig{signalingtest.Open(t, d, endpoint), endpoint}
}

// url is where websockets connect to.
func (r *rig) url() string { return "ws" + strings.TrimPrefix(r.URL, "http") + "/ws" }

// client is a real websocket client.
type client struct {
	*rig
	*websocket.Conn
}

func (r *rig) dial() *client {
	r.Helper()
	c, resp, err := websocket.DefaultDialer.Dial(r.url(), nil)
	if err != nil {
		r.Fatalf("%v %v", err, resp)
	}
	r.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &client{r, c}
}

func (c *client) say(message string) {
	c.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		c.Fatal(err)
	}
}

// offer says publish or view with Chromium's offer and more fields.
func (c *client) offer(kind, session string, more ...string) {
	c.Helper()
	fields := map[string]any{"v": 1, "type": kind, "session": session, "sdp": signalingtest.Offer}
	for i := 0; i < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	if err := c.WriteJSON(fields); err != nil {
		c.Fatal(err)
	}
}

// hear returns the next message, which must be of the type.
func (c *client) hear(kind string) map[string]any {
	c.Helper()
	t, data, err := c.ReadMessage()
	if err != nil {
		c.Fatalf("waiting for %s: %v", kind, err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil || t != websocket.TextMessage {
		c.Fatalf("%d %s: %v", t, data, err)
	}
	if m["v"] != 1.0 || m["type"] != kind {
		c.Fatalf("got %s, want %s", data, kind)
	}
	return m
}

// refused hears an error.
func (c *client) refused(code, text string) {
	c.Helper()
	m := c.hear("error")
	if msg, _ := m["error"].(string); m["code"] != code || !strings.Contains(msg, text) || m["hint"] == "" {
		c.Errorf("got %v, want %s %q", m, code, text)
	}
}

// closed reads to the close frame, past messages.
func (c *client) closed(status int, reason string) {
	c.Helper()
	for {
		_, data, err := c.ReadMessage()
		if err == nil {
			c.Logf("before the close: %.100s", data)
			continue
		}
		var e *websocket.CloseError
		if !errors.As(err, &e) || e.Code != status || !strings.Contains(e.Text, reason) {
			c.Errorf("got %v, want close %d %q", err, status, reason)
		}
		return
	}
}

// peer returns the n-th peer made, once it is there.
func (r *rig) peer(n int) *signalingtest.Peer {
	r.Helper()
	r.Eventually("a peer", func() bool { return len(r.Desk.Peers()) > n })
	return r.Desk.Peers()[n]
}
