package api

import (
	"net/http"
	"time"

	"livedub/inference"
)

// report is GET /v1/sessions/{id}/report, for who controls the session.
func (s *Server) report(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.controlled(r); err != nil {
		return err
	}
	data, err := s.cfg.Sessions.Report(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return file(w, "application/json", data)
}

// captions is GET /v1/sessions/{id}/captions/{lang}, likewise.
func (s *Server) captions(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.controlled(r); err != nil {
		return err
	}
	data, err := s.cfg.Sessions.Captions(r.Context(), r.PathValue("id"), inference.Lang(r.PathValue("lang")))
	if err != nil {
		return err
	}
	return file(w, "text/vtt; charset=utf-8", data)
}

// file answers with what is as long as the session was.
func file(w http.ResponseWriter, kind string, data []byte) error {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(3 * writeTime)) // else the server's own bounds the write
	_, _ = w.Write(data)                                                              // who has gone needs no answer
	return nil
}
