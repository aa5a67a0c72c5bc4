package ws

import (
	"livedub/signaling"
)

// follow tells the client when its session goes on at another node: it connects there,
// at the same address, before it leaves this one.
func (c *conn) follow(session string) {
	if c.server.cfg.Events == nil {
		return
	}
	events, err := c.server.cfg.Events(session, signaling.Since{})
	if err != nil {
		return // it has just ended, which the peer tells
	}
	c.following.Go(func() {
		defer events.Close()
		signaling.Guard(c.log, "websocket events", func() {
			for {
				e, err := events.Next(c.ctx)
				if err != nil {
					return
				}
				if e.Moved != nil {
					c.post(item{message: outgoing{Type: typeMoved, Session: session, Fence: e.Moved.Fence}})
				}
			}
		})
	})
}
