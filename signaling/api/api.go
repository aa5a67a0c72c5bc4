// Package api is the JSON door: sessions are created, looked at and ended here,
// and their captions followed as server-sent events.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"livedub/session"
	"livedub/signaling"
)

// Sessions are what the door shows.
type Sessions interface {
	signaling.Keeper
	List() []signaling.Info
	// Events returns what happens in a session from now on, closed at its end,
	// and a function that stops listening.
	Events(id string) (<-chan session.Event, func(), error)
	// Pairs returns the directions that work here and now.
	Pairs() []signaling.PairInfo
}

// Config is how the door behaves.
type Config struct {
	Sessions  Sessions
	Origins   signaling.Origins // nil: any
	Heartbeat time.Duration     // between comments on a quiet event stream; 0: 15 s
	Log       *slog.Logger      // nil for none
}

// Server is the door.
type Server struct {
	cfg   Config
	log   *slog.Logger
	limit *signaling.Limiter

	ctx    context.Context // ends at Close
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	streams int
	wg      sync.WaitGroup // one each event stream
}

// New returns the door; Close ends its event streams.
func New(c Config) *Server {
	if c.Origins == nil {
		c.Origins = signaling.AnyOrigin
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: c, log: c.Log, limit: signaling.NewLimiter()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Register adds the door's paths to mux.
func (s *Server) Register(mux *http.ServeMux) {
	route := func(path string, by map[string]http.HandlerFunc) {
		signaling.Route(mux, s.log, s.cfg.Origins, path, by)
	}
	route("/v1/sessions", map[string]http.HandlerFunc{
		http.MethodGet:  s.door(s.list),
		http.MethodPost: s.door(s.create),
	})
	route("/v1/sessions/{id}", map[string]http.HandlerFunc{
		http.MethodGet:    s.door(s.get),
		http.MethodDelete: s.door(s.remove),
	})
	route("/v1/sessions/{id}/events", map[string]http.HandlerFunc{http.MethodGet: s.door(s.events)})
	route("/v1/languages", map[string]http.HandlerFunc{http.MethodGet: s.door(s.languages)})
}

// door answers a handler's error.
func (s *Server) door(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			signaling.WriteError(w, r, s.log, err)
		}
	}
}

// Close ends every event stream with an end event and waits for all of them.
// Call it before http.Server.Shutdown, which waits for streams and ends none.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}
