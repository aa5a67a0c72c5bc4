// Package api is the JSON endpoint: sessions are created, looked at and ended here,
// and their captions followed as server-sent events.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/signaling"
)

// Sessions are what the endpoint shows.
type Sessions interface {
	signaling.Keeper
	List() []signaling.Info
	// Erase ends a session and erases what is kept of it, now or as soon as that can be
	// reached. It fails with ErrNotFound.
	Erase(ctx context.Context, id string) error
	// SetLips switches the re-rendering of the mouth in the dubs named, in all or,
	// with an error, in none. It fails with ErrNotFound or ErrNoLips.
	SetLips(id string, on map[inference.Lang]bool) (signaling.Info, error)
	// Control changes how dubs are heard, all that is named or, with an error, nothing.
	// It fails with ErrNotFound or ErrBadRequest.
	Control(id string, c signaling.Controls) (signaling.Info, error)
	// Dump drops what was said and has not been put out. It fails with ErrNotFound.
	Dump(id string) (signaling.Dumped, error)
	// SetTargets makes to the target languages: those that are new begin, those not named end.
	SetTargets(ctx context.Context, id string, to []inference.Lang) (signaling.Info, error)
	// SetWords makes w, which is clean, what the speaker has named, from the next phrase on.
	SetWords(id string, w glossary.Words) (signaling.Info, error)
	// Events returns what happens in a session; the caller closes it.
	Events(id string, since signaling.Since) (signaling.Events, error)
	// Captions returns the final captions of a session in one language as WebVTT.
	Captions(ctx context.Context, id string, lang inference.Lang) ([]byte, error)
	// Report returns what became of every phrase of a session, as JSON.
	Report(ctx context.Context, id string) ([]byte, error)
	// Pairs returns the directions that work here and now.
	Pairs() []signaling.PairInfo
}

// Config is how the endpoint behaves.
type Config struct {
	Sessions   Sessions
	ICEServers signaling.ICEServers // that clients are told of
	Heartbeat  time.Duration        // between comments on a quiet event stream; 0: 15 s
	PerAddress int                  // event streams of one address; 0 for no bound
	Recordings Recordings           // what is kept; nil for nothing
	Mouths     Mouths               // that are kept; nil where none are
	Outputs    Outputs              // what sessions are sent on to; nil for nothing

	KeepsMouths bool // those of new sessions, where their speakers agree

	Record  string        // what is recorded of every session: "dubs", "all", or "" for nothing
	HLS     bool          // sessions are at /hls/{session}/index.m3u8 too
	Refused func() uint64 // units of speech whose text the recognizer did not believe, of all sessions; nil: 0
	Log     *slog.Logger  // nil for none
}

// Server is the endpoint.
type Server struct {
	cfg   Config
	log   *slog.Logger
	limit *signaling.Limiter
	gate  *signaling.Gate // of the event streams
	quota *signaling.Quota

	downloads   *signaling.Gate
	downloading *signaling.Quota
}

// New returns the endpoint; Close ends its event streams.
func New(c Config) *Server {
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: c, log: c.Log, limit: signaling.NewLimiter(), gate: signaling.NewGate(maxStreams, "event streams"), quota: signaling.NewQuota("event streams", c.PerAddress, 0),
		downloads: signaling.NewGate(maxDownloads, "downloads"), downloading: signaling.NewQuota("downloads", eachDownloads, 0),
	}
}

// Register adds the endpoint's paths to mux.
func (s *Server) Register(mux *http.ServeMux) {
	route := func(path string, by map[string]signaling.Handler) {
		signaling.Route(mux, s.log, signaling.AnyOrigin, path, by)
	}
	own := func(path string, by map[string]signaling.Handler) {
		signaling.Route(mux, s.log, signaling.OwnOrigin, path, by)
	}
	own("/v1/sessions", map[string]signaling.Handler{http.MethodGet: s.list, http.MethodPost: s.create})
	route("/v1/sessions/{id}", map[string]signaling.Handler{http.MethodGet: s.get, http.MethodPatch: s.change, http.MethodDelete: s.remove})
	route("/v1/sessions/{id}/dump", map[string]signaling.Handler{http.MethodPost: s.dump})
	route("/v1/sessions/{id}/events", map[string]signaling.Handler{http.MethodGet: s.events})
	route("/v1/sessions/{id}/report", map[string]signaling.Handler{http.MethodGet: s.report})
	route("/v1/sessions/{id}/captions/{lang}", map[string]signaling.Handler{http.MethodGet: s.captions})
	own("/v1/languages", map[string]signaling.Handler{http.MethodGet: s.languages})
	if s.cfg.Mouths != nil {
		own("/v1/mouths", map[string]signaling.Handler{http.MethodDelete: s.eraseMouths})
	}
	if s.cfg.Outputs != nil {
		s.registerOutputs(route)
	}
	if s.cfg.Recordings != nil {
		s.registerRecordings(route, own)
	}
	signaling.RouteRest(mux, s.log, signaling.AnyOrigin, "/v1", "there are /v1/sessions, /v1/sessions/{id}, what is below it: dump, events, outputs, report and captions/{lang}, /v1/languages, and where something is kept, /v1/recordings, /v1/recordings/{id} and /v1/mouths")
}

// Close ends every event stream with an end event, breaks downloads off, and waits for all
// of them. Call it before http.Server.Shutdown, which waits for streams and ends none.
func (s *Server) Close() {
	s.gate.Close()
	s.downloads.Close()
}
