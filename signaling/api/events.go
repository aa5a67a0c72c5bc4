package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
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
	events, stop, err := s.cfg.Sessions.Events(id)
	switch {
	case errors.Is(err, signaling.ErrNotFound): // it has just ended
		return signaling.Nothing()
	case err != nil:
		return err
	}
	defer stop()
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
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case e, open := <-events:
			if !open {
				out.event("end", end{"the session has ended"})
				return nil
			}
			if !out.session(e) {
				return nil
			}
			beat.Reset(s.cfg.Heartbeat)
		case <-beat.C:
			if !out.send(": still here\n\n") {
				return nil
			}
		case <-s.gate.Context().Done():
			out.event("end", end{"the server is shutting down"})
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

// stream writes events; its methods tell whether the client still listens.
type stream struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	grant signaling.Grant // whose languages are told
}

func (o stream) session(e signaling.Event) bool {
	switch {
	case e.Caption != nil && !o.grant.Watch(e.Caption.Lang), e.Ladder != nil && !o.grant.Watch(e.Ladder.Lang):
		return true
	case e.Caption != nil:
		c := e.Caption
		return o.event("caption", caption{c.Lang, c.Spoken, c.ID, c.Text, c.Final, c.Skipped, c.Start.Seconds(), c.End.Seconds(), heard(c.Words)})
	case e.Ladder != nil:
		l := e.Ladder
		return o.event("ladder", ladder{l.Lang, l.Level, l.Why, l.At.Seconds()})
	case e.Drain != nil:
		return o.event("drain", drain{e.Drain.Until})
	}
	return true // of a kind that this endpoint does not tell
}

func (o stream) event(name string, v any) bool {
	data, err := json.Marshal(v) // on one line, whatever the text
	return err == nil && o.send(fmt.Sprintf("event: %s\ndata: %s\n\n", name, data))
}

func (o stream) send(s string) bool {
	// Where deadlines are not supported, the server's own bound the write.
	_ = o.c.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := o.w.Write([]byte(s))
	return err == nil && o.c.Flush() == nil
}
