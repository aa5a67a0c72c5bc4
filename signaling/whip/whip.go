// Package whip is the endpoints for standard media clients: WHIP (RFC 9725) lets a
// publisher in, WHEP (its mirror image) lets viewers watch one language.
package whip

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"livedub/signaling"
)

// Config is how the endpoints behave.
type Config struct {
	Sessions   signaling.Connector
	ICEServers signaling.ICEServers // that clients are told of
	Log        *slog.Logger         // nil for none
}

const answerTime = 10 * time.Second // for one offer

// Server is both endpoints.
type Server struct {
	cfg   Config
	log   *slog.Logger
	limit *signaling.Limiter
	gate  *signaling.Gate // of the resources and the offers being answered

	mu        sync.Mutex
	resources map[string]*resource
}

// New returns the endpoints; Close ends them.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: c, log: c.Log, limit: signaling.NewLimiter(),
		gate: signaling.NewGate(0, "peers"), resources: map[string]*resource{},
	}
}

// Register adds the endpoints' paths to mux.
func (s *Server) Register(mux *http.ServeMux) {
	route := func(path string, by map[string]signaling.Handler) {
		signaling.Route(mux, s.log, signaling.AnyOrigin, path, by) // as RFC 9725 wants
		slashed := map[string]signaling.Handler{}
		for m, h := range by {
			slashed[m] = unslashed(h)
		}
		signaling.Route(mux, s.log, signaling.AnyOrigin, path+"/{$}", slashed) // as people type it
	}
	peer := map[string]signaling.Handler{
		http.MethodPatch: s.patch, http.MethodDelete: s.remove, http.MethodOptions: peerOptions,
	}
	route("/whip/{session}", map[string]signaling.Handler{http.MethodPost: s.publish, http.MethodOptions: s.options})
	route("/whep/{session}/{lang}", map[string]signaling.Handler{http.MethodPost: s.view, http.MethodOptions: s.options})
	route("/whip/{session}/{peer}", peer)
	route("/whep/{session}/{lang}/{peer}", peer)
	route("/whep/{session}", map[string]signaling.Handler{http.MethodPost: s.noLanguage})
	signaling.RouteRest(mux, s.log, signaling.AnyOrigin, "/whip", "POST an offer to /whip/{session}")
	signaling.RouteRest(mux, s.log, signaling.AnyOrigin, "/whep", "POST an offer to /whep/{session}/{lang}")
}

// unslashed has h answer as if the path did not end in a slash.
func unslashed(h signaling.Handler) signaling.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		u := *r.URL
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
		plain := *r
		plain.URL = &u
		return h(w, &plain)
	}
}

// options adds to the OPTIONS of an endpoint what RFC 9725 wants there. ICE
// servers, with the secrets of some, are told to who may connect.
func (s *Server) options(w http.ResponseWriter, r *http.Request) error {
	who := signaling.From(r)
	if _, _, err := signaling.Find(s.cfg.Sessions, who, r.PathValue("session")); err == nil || who.Operator() {
		signaling.Link(w.Header(), s.cfg.ICEServers.For(r.PathValue("session")))
	}
	w.Header().Set("Accept-Post", offerType)
	w.Header().Set("Accept-Patch", fragmentType)
	return nil
}

func peerOptions(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Accept-Patch", fragmentType)
	return nil
}

// Close ends every peer that came in here and waits for all of them. Later offers are refused.
func (s *Server) Close() { s.gate.Close() }
