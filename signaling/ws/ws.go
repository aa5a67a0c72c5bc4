// Package ws is the websocket endpoint, GET /ws or /ws/{session}: one connection carries the
// signalling of one peer, publisher or viewer: an offer, its answer, and the
// candidates that the client finds later; and the events of a session, if the client asks for them.
package ws

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"livedub/signaling"
)

// Config is how the endpoint behaves.
type Config struct {
	Sessions   signaling.Connector
	Events     func(id string, since signaling.Since) (signaling.Events, error) // of a session; nil for none
	ICEServers signaling.ICEServers                                             // that clients are told of
	Log        *slog.Logger                                                     // nil for none
	Times      Times                                                            // zero for the defaults
	PerAddress int                                                              // connections of one address; 0 for no bound
}

// Times bound what a connection may wait for.
type Times struct {
	Ping   time.Duration // between pings
	Silent time.Duration // a client that does not even answer pings is gone
	Write  time.Duration // one message may take to leave
	Answer time.Duration // one offer may take to be answered
	Idle   time.Duration // a connection may stay without a peer, events and a message
}

var defaultTimes = Times{Ping: 3 * time.Second, Silent: 8 * time.Second, Write: 10 * time.Second, Answer: 10 * time.Second, Idle: time.Minute}

// maxConns bounds open connections: each holds two goroutines.
const maxConns = 1024

// Server is the endpoint.
type Server struct {
	cfg   Config
	log   *slog.Logger
	limit *signaling.Limiter
	gate  *signaling.Gate // of the connections
	quota *signaling.Quota
}

// New returns the endpoint; Close ends its connections.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Times == (Times{}) {
		c.Times = defaultTimes
	}
	return &Server{cfg: c, log: c.Log, limit: signaling.NewLimiter(), gate: signaling.NewGate(maxConns, "connections"), quota: signaling.NewQuota("websockets", c.PerAddress, 0)}
}

// Register adds the endpoint's paths to mux.
func (s *Server) Register(mux *http.ServeMux) {
	signaling.Route(mux, s.log, signaling.OwnOrigin, "/ws", map[string]signaling.Handler{http.MethodGet: s.serve})
	// A websocket knows no CORS: a page of another origin needs a capability before the handshake.
	signaling.Route(mux, s.log, signaling.AnyOrigin, "/ws/{session}", map[string]signaling.Handler{http.MethodGet: s.serveSession})
}

// serveSession is GET /ws/{session}.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := signaling.Find(s.cfg.Sessions, signaling.From(r), r.PathValue("session")); err != nil {
		return err
	}
	return s.serve(w, r)
}

// serve carries one connection from its handshake to its end.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	release, err := s.quota.Take(r.Context())
	if err != nil {
		return err
	}
	defer release()
	up := websocket.Upgrader{
		HandshakeTimeout: s.cfg.Times.Write,
		CheckOrigin:      func(*http.Request) bool { return true }, // it was looked at on the way here
		Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
			w.Header().Set("Sec-Websocket-Version", "13")
			signaling.WriteError(w, r, s.log, signaling.ErrBadRequest.Because(reason))
		},
	}
	socket, err := up.Upgrade(w, r, signaling.Answered(w.Header()))
	if err != nil { // answered by the upgrader
		return nil
	}
	newConn(s, r, socket).run()
	return nil
}

// Close says bye on every connection, ends their peers and waits for all of them.
func (s *Server) Close() { s.gate.Close() }
