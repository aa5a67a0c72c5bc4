package api

import (
	"net/http"

	"livedub/signaling"
)

// fixedDelay refuses to change D: all clocks of a session stand on it, viewers' too, and
// a change would repeat or leave out so much of picture and sound.
func fixedDelay() error {
	e := &signaling.Error{
		Kind: signaling.ErrBadRequest, Message: "delay_ms is fixed when a session is made: a change would make every viewer's picture and sound jump by it",
		Hint: "make another session with that delay, and have speaker and viewers go there",
	}
	return e
}

// dump is POST /v1/sessions/{id}/dump, for who controls the session. No limit of requests
// stands before it: what it is for cannot be taken back a second later.
func (s *Server) dump(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.controlled(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	got, err := s.cfg.Sessions.Dump(id)
	if err != nil {
		return err
	}
	signaling.From(r).Audit("dumped", grant, id, "from", got.From, "to", got.To, "phrases", len(got.Phrases))
	_, body := signaling.Event{Dumped: &got}.Body() // as all who listen are told
	signaling.WriteJSON(w, http.StatusOK, body)
	return nil
}
