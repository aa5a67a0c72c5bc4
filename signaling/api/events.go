package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"livedub/signaling"
)

const (
	maxStreams = 1024             // open at a time; each holds a connection and a goroutine
	writeTime  = 10 * time.Second // a client that takes nothing for so long is cut off
)

// events is GET /v1/sessions/{id}/events: until the session, the client or the server ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	release, err := s.quota.Take(r.Context())
	if err != nil {
		return err
	}
	defer release()
	who, id := signaling.From(r), r.PathValue("id")
	_, grant, err := signaling.Find(s.cfg.Sessions, who, id)
	switch {
	case err != nil:
		return err
	case !grant.Look():
		return signaling.Nothing()
	}
	events, err := s.cfg.Sessions.Events(id, since(r, grant))
	switch {
	case errors.Is(err, signaling.ErrNotFound): // it has just ended
		return signaling.Nothing()
	case err != nil:
		return err
	}
	defer events.Close()
	who.Audit("followed", grant, id)

	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close") // its write deadline would hit the connection's next answer
	out := stream{w, http.NewResponseController(w), grant}
	if !out.send("retry: 1000\n\n") {
		return nil
	}
	ctx, cancel := grant.Bound(r.Context())
	defer cancel()
	defer context.AfterFunc(s.gate.Context(), cancel)()
	for {
		e, err := s.next(ctx, events)
		switch {
		case err == nil:
			if !out.session(e) || e.Moved != nil { // who comes back is led to where the session is
				return nil
			}
		case errors.Is(err, io.EOF):
			out.end("the session has ended")
			return nil
		case s.gate.Context().Err() != nil:
			out.end("the server is shutting down")
			return nil
		case ctx.Err() != nil:
			if why := signaling.Ended(ctx); why != "" {
				out.end(why)
			}
			return nil
		case !out.send(": still here\n\n"):
			return nil
		}
	}
}

// next waits for the next event, until it is time for a sign of life.
func (s *Server) next(ctx context.Context, events signaling.Events) (signaling.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Heartbeat)
	defer cancel()
	return events.Next(ctx)
}

// since tells where a client's events begin: one that comes back says which it has
// had, in the header or, as EventSource lets no page set one, in the query. Who may
// only watch is told of what was while it was away, not of all.
func since(r *http.Request, grant signaling.Grant) signaling.Since {
	out := signaling.Since{All: grant.Control(), Spoken: r.URL.Query().Get("detail") == signaling.DetailVisemes}
	if id, err := strconv.ParseUint(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last-event-id")), 10, 64); err == nil {
		out.Resume, out.After = true, id
	}
	return out
}

// stream writes events; its methods tell whether the client still listens.
type stream struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	grant signaling.Grant // whose languages are told
}

func (o stream) session(e signaling.Event) bool {
	name, body := e.Body()
	if name == "" || !o.grant.Hears(e) {
		return true
	}
	return o.event(e.Seq, name, body)
}

// event sends one event. A client that comes back names the last number it was given.
func (o stream) event(seq uint64, name string, v any) bool {
	data, err := json.Marshal(v) // on one line, whatever the text
	id := ""
	if seq > 0 {
		id = fmt.Sprintf("id: %d\n", seq)
	}
	return err == nil && o.send(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", id, name, data))
}

// end sends the last event.
func (o stream) end(reason string) { o.event(0, signaling.EventEnd, signaling.End{Reason: reason}) }

func (o stream) send(s string) bool {
	// Where deadlines are not supported, the server's own bound the write.
	_ = o.c.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := o.w.Write([]byte(s))
	return err == nil && o.c.Flush() == nil
}
