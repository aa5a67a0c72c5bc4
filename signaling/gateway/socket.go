package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"livedub/cluster"
	"livedub/signaling"
	"livedub/signaling/ws"
)

const (
	firstTime = time.Minute // a client may take to say something before it has named its session
	firsts    = 32          // messages it may send until then: pings, mistakes
)

// socket is /ws, where the client's first message says which session is meant: the
// gateway reads it, finds the node, and passes on what comes from then on.
func (g *Gateway) socket(w http.ResponseWriter, r *http.Request) error {
	err := g.upgrade(w, r)
	if err != nil {
		g.count.refuse(err)
	}
	return err
}

func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request) error {
	if err := g.limit.Allow(r); err != nil {
		return err
	}
	if err := g.gate.Enter(); err != nil {
		return err
	}
	defer g.gate.Leave()
	release, err := g.quota.Take(r.Context())
	if err != nil {
		return err
	}
	defer release()
	up := websocket.Upgrader{
		HandshakeTimeout: g.cfg.Times.Write,
		CheckOrigin:      func(*http.Request) bool { return true }, // it was looked at on the way here
		Error: func(w http.ResponseWriter, r *http.Request, _ int, reason error) {
			w.Header().Set("Sec-Websocket-Version", "13")
			signaling.WriteError(w, r, g.log, signaling.ErrBadRequest.Because(reason))
		},
	}
	client, err := up.Upgrade(w, r, nil)
	if err != nil { // answered by the upgrader
		return nil
	}
	defer client.Close()
	client.SetReadLimit(ws.MaxMessage)
	_, done := g.count.forwarding()
	defer done()
	defer context.AfterFunc(g.gate.Context(), func() { g.bye(client, websocket.CloseGoingAway, "the gateway is leaving") })()
	g.converse(client, r)
	return nil
}

// converse reads a client's messages until one has brought it to a node.
func (g *Gateway) converse(client *websocket.Conn, r *http.Request) {
	for range firsts {
		_ = client.SetReadDeadline(time.Now().Add(firstTime)) // fails with the read
		if g.gate.Context().Err() != nil {
			return
		}
		kind, message, err := client.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.TextMessage {
			g.bye(client, websocket.CloseUnsupportedData, "binary message: send JSON as text")
			return
		}
		first, answer, bye := ws.ReadFirst(message)
		if bye {
			g.bye(client, websocket.CloseNormalClosure, "bye")
			return
		}
		var node *websocket.Conn
		if answer == nil {
			if node, answer, err = g.reach(r, first, message); err != nil {
				g.count.refuse(err)
				answer = ws.Refusal(err)
			}
		}
		if !g.say(client, answer) {
			if node != nil {
				node.Close()
			}
			return
		}
		if node != nil {
			g.join(client, node)
			return
		}
	}
	g.bye(client, websocket.ClosePolicyViolation, "too many messages before one that names a session")
}

// reach has the node of a session answer a client's first message. node is nil where
// the answer is a refusal: the client may try again.
func (g *Gateway) reach(r *http.Request, f ws.First, message []byte) (node *websocket.Conn, answer []byte, err error) {
	var ask *cluster.Ask
	if f.Create && signaling.From(r).MayName(f.Session) {
		to := make([]string, len(f.To))
		for i, l := range f.To {
			to[i] = string(l)
		}
		ask = &cluster.Ask{Session: f.Session, Cost: g.cost(to, string(f.From), f.Consent)}
	}
	c, create, err := g.find(r, f.Session, ask)
	if err != nil {
		return nil, nil, err
	}
	err = g.deliver(r, c, create, func(c cluster.Claim, p signaling.Pass) (int, error) {
		began, done := g.count.forwarding()
		defer done()
		conn, said, err := g.dial(r, c, p, message)
		if err != nil {
			return 0, err
		}
		began()
		answer = said
		switch code := ws.Refused(said); {
		case code == "":
			node = conn
			return http.StatusCreated, nil
		case create && code == signaling.ErrFull.Code:
			conn.Close()
			return 0, errTaken
		}
		conn.Close()
		g.giveBack(r, c, create)
		return http.StatusNotFound, nil
	})
	if err == nil && answer == nil { // the client has left
		err = signaling.ErrTimeout
	}
	return node, answer, err
}

// dial opens the node's endpoint for a client, and has it answer a message.
func (g *Gateway) dial(r *http.Request, c cluster.Claim, p signaling.Pass, message []byte) (*websocket.Conn, []byte, error) {
	ctx, cancel := context.WithTimeout(r.Context(), g.cfg.Times.Answer)
	defer cancel()
	defer context.AfterFunc(g.gate.Context(), cancel)()
	out, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Addr+"/ws", nil)
	if err != nil {
		return nil, nil, errAway
	}
	for _, name := range []string{"Authorization", "Origin", "Sec-Fetch-Site", "User-Agent"} {
		if values := original(r).Header.Values(name); len(values) > 0 {
			out.Header[name] = values
		}
	}
	g.vouch(out, r, p)
	dialer := websocket.Dialer{NetDialContext: (&net.Dialer{Timeout: g.cfg.Times.Dial}).DialContext, HandshakeTimeout: g.cfg.Times.Answer}
	node, a, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(out.URL.String(), "http"), out.Header)
	if a != nil {
		a.Body.Close()
		if err := check(a.Header, a.StatusCode, c, p); err != nil {
			if node != nil {
				node.Close()
			}
			return nil, nil, err
		}
	}
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && a.StatusCode == http.StatusTooManyRequests:
		return nil, nil, signaling.ErrRate.Errorf("your address holds too many websockets already, or opens them too often")
	case err != nil:
		return nil, nil, fmt.Errorf("a websocket at the node: %w", err)
	}
	defer context.AfterFunc(ctx, func() { node.Close() })()      // the reading below ends then
	_ = node.SetWriteDeadline(time.Now().Add(g.cfg.Times.Write)) // fails with the write
	if err := node.WriteMessage(websocket.TextMessage, message); err != nil {
		node.Close()
		return nil, nil, err
	}
	_, answer, err := node.ReadMessage()
	if err != nil {
		node.Close()
		return nil, nil, err
	}
	return node, answer, nil
}

func (g *Gateway) say(to *websocket.Conn, message []byte) bool {
	_ = to.SetWriteDeadline(time.Now().Add(g.cfg.Times.Write)) // fails with the write
	return to.WriteMessage(websocket.TextMessage, message) == nil
}

// bye closes a connection and says why. Its reader ends then.
func (g *Gateway) bye(c *websocket.Conn, status int, reason string) {
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(status, reason), time.Now().Add(g.cfg.Times.Write)) // it may have gone
	_ = c.NetConn().SetReadDeadline(time.Now().Add(farewell))
}
