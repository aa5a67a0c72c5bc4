package gateway

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// silence is how long either end may say nothing, not even a ping: the node sends
	// one each 3 s, and the client answers.
	silence  = 15 * time.Second
	farewell = 2 * time.Second // for an end to take note of a close
	// maxSaid bounds a message of a node's.
	maxSaid = 1 << 20
)

// join passes on what two ends of a websocket say, pings and closes too, until both have ended.
func (g *Gateway) join(client, node *websocket.Conn) {
	defer node.Close()
	node.SetReadLimit(maxSaid)
	var over atomic.Bool // one end has ended
	var both sync.WaitGroup
	both.Go(func() { g.pump(node, client, &over) })
	both.Go(func() { g.pump(client, node, &over) })
	both.Wait()
}

// pump passes on what one end says.
func (g *Gateway) pump(to, from *websocket.Conn, over *atomic.Bool) {
	alive := func() { // deadlines fail with the read
		_ = from.SetReadDeadline(time.Now().Add(silence))
		if over.Load() || g.gate.Context().Err() != nil {
			_ = from.SetReadDeadline(time.Now().Add(farewell))
		}
	}
	control := func(kind int) func(string) error {
		return func(data string) error {
			alive()
			return to.WriteControl(kind, []byte(data), time.Now().Add(g.cfg.Times.Write))
		}
	}
	from.SetPingHandler(control(websocket.PingMessage))
	from.SetPongHandler(control(websocket.PongMessage))
	from.SetCloseHandler(func(int, string) error { return nil }) // the other end answers
	for {
		alive()
		kind, message, err := from.ReadMessage()
		if err == nil {
			_ = to.SetWriteDeadline(time.Now().Add(g.cfg.Times.Write)) // fails with the write
			err = to.WriteMessage(kind, message)
		}
		if err == nil && !over.Load() {
			continue
		}
		status, reason := websocket.CloseGoingAway, "the other end is gone"
		var closed *websocket.CloseError
		if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
			status, reason = closed.Code, closed.Text
		}
		over.Store(true)
		g.bye(to, status, reason)
		return
	}
}
