package api

import (
	"net/http"
	"strings"
	"time"

	"livedub/inference"
	"livedub/signaling/srt"
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

// captions is GET /v1/sessions/{id}/captions/{lang}, {lang}.vtt and {lang}.srt, likewise.
func (s *Server) captions(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.controlled(r); err != nil {
		return err
	}
	lang, kind := subtitles(r.PathValue("lang"))
	data, err := s.cfg.Sessions.Captions(r.Context(), r.PathValue("id"), inference.Lang(lang))
	if err != nil {
		return err
	}
	return captionFile(w, kind, data)
}

// subtitles splits a file's name into a language and the kind of captions, "vtt", "srt"
// or "" for none.
func subtitles(name string) (lang, kind string) {
	for _, kind := range []string{"vtt", "srt"} {
		if lang, ok := strings.CutSuffix(name, "."+kind); ok {
			return lang, kind
		}
	}
	return name, ""
}

// captionFile answers with captions, which are WebVTT, as a kind of them.
func captionFile(w http.ResponseWriter, kind string, vtt []byte) error {
	if kind == "srt" {
		return file(w, "application/x-subrip; charset=utf-8", srt.FromVTT(vtt))
	}
	return file(w, "text/vtt; charset=utf-8", vtt)
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
