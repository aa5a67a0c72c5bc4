package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"livedub/inference"
	"livedub/signaling"
)

const (
	maxStreams = 1024             // open at a time; each holds a connection and a goroutine
	writeTime  = 10 * time.Second // a client that takes nothing for so long is cut off
)

// caption is a caption event. Times are seconds of the source.
type caption struct {
	Lang    inference.Lang `json:"lang"`
	Spoken  inference.Lang `json:"spoken,omitempty"`
	ID      int            `json:"id"`
	Text    string         `json:"text"`
	Final   bool           `json:"final"`
	Skipped bool           `json:"skipped,omitempty"` // it is not dubbed: the original sounds
	Start   float64        `json:"start"`
	End     float64        `json:"end"`
	Words   []word         `json:"words,omitempty"`
}

// word is a word of a caption in the source language, as it was heard.
type word struct {
	Text       string  `json:"text"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"` // 0 to 1
}

// heard returns the words of a caption, where the recognizer tells how sure it is of them.
func heard(in []inference.Word) []word {
	var out []word
	sure := false
	for _, w := range in {
		sure = sure || w.Confidence > 0
		out = append(out, word{w.Text, w.Start.Seconds(), w.End.Seconds(), math.Round(1000*w.Confidence) / 1000})
	}
	if !sure {
		return nil
	}
	return out
}

// ladder is a ladder event.
type ladder struct {
	Lang  inference.Lang `json:"lang"`
	Level string         `json:"level"`
	Why   string         `json:"why"`
	At    float64        `json:"at"` // s of the source
}

// drain is the event of a server that takes no new sessions and will end.
type drain struct {
	Until time.Time `json:"until"` // the latest end of this session
}

// moved is the last event of a session that goes on at another node.
type moved struct {
	Fence int64 `json:"fence"`
}

// lost is the event of events that nothing had room for.
type lost struct {
	Records int `json:"records"` // at most so many
}

// end is the last event.
type end struct {
	Reason string `json:"reason"`
}

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
			out.event(0, "end", end{"the session has ended"})
			return nil
		case s.gate.Context().Err() != nil:
			out.event(0, "end", end{"the server is shutting down"})
			return nil
		case ctx.Err() != nil:
			if why := signaling.Ended(ctx); why != "" {
				out.event(0, "end", end{why})
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
	out := signaling.Since{All: grant.Control(), Spoken: r.URL.Query().Get("detail") == "visemes"}
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
	switch {
	case e.Caption != nil && !o.grant.Watch(e.Caption.Lang), e.Ladder != nil && !o.grant.Watch(e.Ladder.Lang), e.Spoken != nil && !o.grant.Watch(e.Spoken.Lang):
		return true
	case e.Spoken != nil:
		return o.event(e.Seq, "spoken", spokenOf(e.Spoken))
	case e.Output != nil:
		if !o.grant.Control() {
			return true
		}
		return o.event(e.Seq, "output", e.Output)
	case e.Dumped != nil:
		return o.event(e.Seq, "dumped", dumpedOf(*e.Dumped))
	case e.Caption != nil:
		c := e.Caption
		return o.event(e.Seq, "caption", caption{c.Lang, c.Spoken, c.ID, c.Text, c.Final, c.Skipped, c.Start.Seconds(), c.End.Seconds(), heard(c.Words)})
	case e.Ladder != nil:
		l := e.Ladder
		return o.event(e.Seq, "ladder", ladder{l.Lang, l.Level, l.Why, l.At.Seconds()})
	case e.Drain != nil:
		return o.event(e.Seq, "drain", drain{e.Drain.Until})
	case e.Moved != nil:
		return o.event(e.Seq, "moved", moved{e.Moved.Fence})
	case e.Lost != nil:
		return o.event(e.Seq, "lost", lost{e.Lost.Records})
	}
	return true // of a kind that this endpoint does not tell
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

func (o stream) send(s string) bool {
	// Where deadlines are not supported, the server's own bound the write.
	_ = o.c.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := o.w.Write([]byte(s))
	return err == nil && o.c.Flush() == nil
}
