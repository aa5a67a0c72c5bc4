// Package hls is the endpoint for players of HLS: playlists, segments and parts of every
// language of a session, for who may watch it.
package hls

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"livedub/inference"
	"livedub/signaling"
)

// Config is how the endpoint behaves.
type Config struct {
	Programs Programs
	Log      *slog.Logger // nil for none
}

// Programs are the sessions as they are broadcast. All fail with signaling.ErrNotFound for
// what is not there; those with a context wait until what is asked for is there, and fail
// with signaling.ErrFull where that takes too long.
type Programs interface {
	// Session returns the name and the epoch of a session, also of one that has ended lately.
	Session(id string) (signaling.Info, error)
	// Multivariant returns the playlist of all languages that sees allows, or of one.
	Multivariant(ctx context.Context, id string, only inference.Lang, sees func(inference.Lang) bool) (File, error)
	// Playlist returns that of a track, once it has a place; nil for as it is. It fails
	// with signaling.ErrBadRequest for a place that is too far ahead.
	Playlist(ctx context.Context, id string, lang inference.Lang, track string, at *Place) (File, error)
	// File returns a file that a track's playlist names.
	File(ctx context.Context, id string, lang inference.Lang, track, name string) (File, error)
}

// File is an answer.
type File struct {
	Type string   // of media
	Data [][]byte // one behind the other
	Keep bool     // it never changes
}

// Place is what a player waits for: a part, or all of a segment where Part is -1.
type Place struct {
	Segment int64
	Part    int
}

const (
	maxRequests = 16384            // that are answered or wait at a time
	writeTime   = 10 * time.Second // for a client to take an answer
	longest     = 64               // bytes of a file's name
)

// Server is the endpoint.
type Server struct {
	cfg  Config
	log  *slog.Logger
	gate *signaling.Gate
}

// New returns the endpoint; Close ends it.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: c, log: c.Log, gate: signaling.NewGate(maxRequests, "requests for HLS")}
}

// Register adds the endpoint's paths to mux. Players on pages of any origin may ask, with
// a capability: nothing else gives a page of another origin a right.
func (s *Server) Register(mux *http.ServeMux) {
	get := func(path string, h signaling.Handler) {
		signaling.Route(mux, s.log, signaling.AnyOrigin, path, map[string]signaling.Handler{http.MethodGet: s.inside(h)})
	}
	get("/hls/{session}/{file}", s.all)
	get("/hls/{session}/{lang}/{file}", s.ofLanguage)
	signaling.RouteRest(mux, s.log, signaling.AnyOrigin, "/hls", "GET /hls/{session}/index.m3u8")
}

// Close ends those who wait, and waits for them. Later requests are refused.
func (s *Server) Close() { s.gate.Close() }

// inside has h answer while the gate is open.
func (s *Server) inside(h signaling.Handler) signaling.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.gate.Enter(); err != nil {
			return err
		}
		defer s.gate.Leave()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.gate.Context(), cancel)()
		err := h(w, r.WithContext(ctx))
		if err != nil && s.gate.Context().Err() != nil {
			return signaling.ErrClosing
		}
		return err
	}
}

// granted returns the session and what the caller may do in it.
func (s *Server) granted(r *http.Request) (id string, g signaling.Grant, err error) {
	id = r.PathValue("session")
	info, err := s.cfg.Programs.Session(id)
	if err != nil {
		return id, g, signaling.Nothing()
	}
	if g = signaling.From(r).Grant(info); !g.Look() {
		return id, g, signaling.Nothing()
	}
	return id, g, nil
}

// all is GET /hls/{session}/index.m3u8.
func (s *Server) all(w http.ResponseWriter, r *http.Request) error {
	id, g, err := s.granted(r)
	if err != nil {
		return err
	}
	if r.PathValue("file") != "index.m3u8" {
		return nothing()
	}
	f, err := s.cfg.Programs.Multivariant(r.Context(), id, "", g.Watch)
	return s.write(w, r, f, err)
}

// ofLanguage is GET /hls/{session}/{lang}/{file}.
func (s *Server) ofLanguage(w http.ResponseWriter, r *http.Request) error {
	id, g, err := s.granted(r)
	if err != nil {
		return err
	}
	lang, name := inference.Lang(r.PathValue("lang")), r.PathValue("file")
	if !g.Watch(lang) {
		return signaling.Nothing()
	}
	if name == "index.m3u8" {
		f, err := s.cfg.Programs.Multivariant(r.Context(), id, lang, g.Watch)
		return s.write(w, r, f, err)
	}
	if track, is := strings.CutSuffix(name, ".m3u8"); is {
		at, err := place(r.URL.Query())
		if err != nil {
			return err
		}
		f, err := s.cfg.Programs.Playlist(r.Context(), id, lang, track, at)
		return s.write(w, r, f, err)
	}
	track, _, is := strings.Cut(name, "-")
	if !is || len(name) > longest {
		return nothing()
	}
	f, err := s.cfg.Programs.File(r.Context(), id, lang, track, name)
	return s.write(w, r, f, err)
}

func nothing() error {
	return &signaling.Error{Kind: signaling.ErrNotFound, Message: "no such file, or not anymore", Hint: "GET /hls/{session}/index.m3u8 and follow what it names"}
}

// place reads what a player asks to wait for (RFC 8216bis, 6.2.5.2); nil for nothing.
func place(q url.Values) (*Place, error) {
	msn, part := q["_HLS_msn"], q["_HLS_part"]
	if len(msn) == 0 && len(part) == 0 {
		return nil, nil
	}
	if len(msn) != 1 || len(part) > 1 {
		return nil, signaling.ErrBadRequest.Errorf("_HLS_msn is asked for once, _HLS_part with it and once")
	}
	n, err := strconv.ParseInt(msn[0], 10, 64)
	if err != nil || n < 0 {
		return nil, signaling.ErrBadRequest.Errorf("_HLS_msn: %.20q is no number of a segment", msn[0])
	}
	at := &Place{n, -1}
	if len(part) == 1 {
		if at.Part, err = strconv.Atoi(part[0]); err != nil || at.Part < 0 {
			return nil, signaling.ErrBadRequest.Errorf("_HLS_part: %.20q is no number of a part", part[0])
		}
	}
	return at, nil
}

// write answers with a file. A client that takes nothing is let go.
func (s *Server) write(w http.ResponseWriter, r *http.Request, f File, err error) error {
	if err != nil {
		return err
	}
	h := w.Header()
	size := 0
	for _, d := range f.Data {
		size += len(d)
	}
	h.Set("Content-Type", f.Type)
	h.Set("Content-Length", strconv.Itoa(size))
	h.Set("X-Content-Type-Options", "nosniff")
	if f.Keep {
		h.Set("Cache-Control", "private, max-age=60, immutable")
	} else {
		h.Set("Cache-Control", "private, no-cache")
	}
	if r.Method == http.MethodHead {
		return nil
	}
	// Where deadlines are not supported, the server's own bound the write.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	for _, d := range f.Data {
		if _, err := w.Write(d); err != nil {
			return nil //nolint:nilerr // the client has left
		}
	}
	return nil
}
