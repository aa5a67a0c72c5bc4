package ws

import (
	"context"
	"errors"
	"io"

	"github.com/gorilla/websocket"

	"livedub/signaling"
)

// listen has the client be told of a session's events: what server-sent events tell, by
// the same rights. The next event is asked for when there is room for it among what is
// on its way out: of a client that is slow the session keeps what it keeps for all, and
// says what was lost; one that takes nothing is cut off by the writer.
func (c *conn) listen(m incoming) error {
	if c.listens {
		return signaling.ErrBadRequest.Errorf("this connection has its events: open another one for those of another session")
	}
	_, grant, err := signaling.Find(c.server.cfg.Sessions, c.who, m.Session)
	switch {
	case err != nil:
		return err
	case !grant.Look() || c.server.cfg.Events == nil:
		return signaling.Nothing()
	}
	since := signaling.Since{All: grant.Control(), Spoken: m.Detail == signaling.DetailVisemes}
	if m.After != nil {
		since.Resume, since.After = true, *m.After
	}
	events, err := c.server.cfg.Events(m.Session, since)
	switch {
	case errors.Is(err, signaling.ErrNotFound): // it has just ended
		return signaling.Nothing()
	case err != nil:
		return err
	}
	c.who.Audit("followed", grant, m.Session)
	c.listens = true
	c.post(item{message: outgoing{Type: typeFollowing, Session: m.Session}})
	c.following.Go(func() {
		defer events.Close()
		ctx, stop := grant.Bound(c.ctx)
		defer stop()
		signaling.Guard(c.log, "websocket events", func() { c.tell(ctx, events, grant) })
	})
	return nil
}

// tell passes events on until they or the right to them end; then it ends the
// connection, unless the session goes on at another node: there the client connects
// before it leaves this one.
func (c *conn) tell(ctx context.Context, events signaling.Events, grant signaling.Grant) {
	for {
		e, err := events.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			const why = "the session has ended"
			c.post(item{message: outgoing{Type: typeEvent, Event: signaling.EventEnd, Data: signaling.End{Reason: why}}})
			c.leave(websocket.CloseNormalClosure, why)
			return
		case err != nil:
			if why := signaling.Ended(ctx); why != "" {
				c.leave(websocket.ClosePolicyViolation, why)
			}
			return
		}
		if name, body := e.Body(); name != "" && grant.Hears(e) {
			c.post(item{message: outgoing{Type: typeEvent, Event: name, ID: e.Seq, Data: body}})
		}
		if e.Moved != nil || c.over() {
			return
		}
	}
}

// leave says in a message, then in the close frame, why the connection ends.
func (c *conn) leave(status int, reason string) {
	c.post(item{message: outgoing{Type: typeBye, Reason: reason}})
	c.post(item{close: status, reason: reason})
}
