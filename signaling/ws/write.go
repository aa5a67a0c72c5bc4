package ws

import (
	"context"
	"time"

	"github.com/gorilla/websocket"

	"livedub/signaling"
)

// write sends messages and pings until the connection is over.
// When the writer ends first, the reader waits for the client's close only.
func (c *conn) write() {
	defer func() {
		close(c.written)
		_ = c.socket.NetConn().SetReadDeadline(time.Now().Add(farewell)) // fails on a closed connection only
	}()
	signaling.Guard(c.log, "websocket writer", c.writeAll)
}

func (c *conn) writeAll() {
	ping := time.NewTicker(c.times.Ping)
	defer ping.Stop()
	var done, over <-chan struct{}
	var bound context.Context
	for {
		select {
		case p := <-c.peers:
			done, bound, over = p.peer.Done(), p.bound, p.bound.Done()
		case i := <-c.out:
			if i.close != 0 {
				c.sendClose(i.close, i.reason)
				return
			}
			if !c.send(i.message) {
				return
			}
		case <-ping.C:
			if c.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.times.Write)) != nil {
				return
			}
		case <-done:
			c.bye(websocket.CloseNormalClosure, "the peer has ended")
			return
		case <-over:
			if why := signaling.Ended(bound); why != "" {
				c.log.Info("peer let go", "why", why)
				c.bye(websocket.ClosePolicyViolation, why)
			}
			return
		case <-c.server.gate.Context().Done():
			c.bye(websocket.CloseGoingAway, "the server is shutting down")
			return
		case <-c.ctx.Done():
			return
		}
	}
}

// bye says in a message, then in the close frame, why the connection ends.
func (c *conn) bye(status int, reason string) {
	for len(c.out) > 0 { // an answer or error that came before
		if i := <-c.out; i.close == 0 && !c.send(i.message) {
			return
		}
	}
	if c.send(outgoing{Type: typeBye, Reason: reason}) {
		c.sendClose(status, reason)
	}
}

func (c *conn) send(m outgoing) bool {
	data, err := encode(m)
	if err != nil {
		c.log.Error("message not sent", "type", m.Type, "err", err)
		return true
	}
	_ = c.socket.SetWriteDeadline(time.Now().Add(c.times.Write)) // fails with the write
	return c.socket.WriteMessage(websocket.TextMessage, data) == nil
}

func (c *conn) sendClose(status int, reason string) {
	// A client that has gone needs no close.
	_ = c.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(status, reason), time.Now().Add(c.times.Write))
}
