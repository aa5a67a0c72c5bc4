// Package whip is the doors for standard media clients: WHIP (RFC 9725) lets a
// publisher in, WHEP (its mirror image) lets viewers watch one language.
package whip

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"livedub/inference"
	"livedub/signaling"
)

// Sessions are what publishers and viewers connect to.
type Sessions interface {
	signaling.Keeper
	// Publish answers an offer to be the session's speaker. It fails with ErrNotFound,
	// ErrBusy, ErrBadOffer, ErrNoCodec or ErrFull. ctx bounds the answering, not the peer.
	Publish(ctx context.Context, id, offer string) (peer signaling.Peer, answer string, err error)
	// View answers an offer to watch one language; it does not wait for media to flow.
	View(ctx context.Context, id string, lang inference.Lang, offer string) (peer signaling.Peer, answer string, err error)
}

// ICEServer is told to clients in a Link header.
type ICEServer struct {
	URL                  string // "stun:..." or "turn:..."
	Username, Credential string // of a TURN server
}

// Config is how the doors behave.
type Config struct {
	Sessions   Sessions
	OpenMode   func(*http.Request) bool // may this request create the session it names? nil: never
	Origins    signaling.Origins        // nil: any, as RFC 9725 wants
	ICEServers []ICEServer
	Log        *slog.Logger // nil for none
}

const (
	answerTime = 10 * time.Second
	answering  = 32 // offers worked on at a time; answering one costs a key exchange
)

// Server is both doors.
type Server struct {
	cfg   Config
	log   *slog.Logger
	limit *signaling.Limiter
	slots chan struct{} // one each offer being answered

	ctx    context.Context // ends at Close
	cancel context.CancelFunc

	mu        sync.Mutex
	resources map[string]*resource
	closed    bool
	wg        sync.WaitGroup // one each resource, one each offer being answered
}

// New returns the doors; Close ends them.
func New(c Config) *Server {
	if c.Origins == nil {
		c.Origins = signaling.AnyOrigin
	}
	if c.OpenMode == nil {
		c.OpenMode = func(*http.Request) bool { return false }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: c, log: c.Log, limit: signaling.NewLimiter(), slots: make(chan struct{}, answering),
		resources: map[string]*resource{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Register adds the doors' paths to mux.
func (s *Server) Register(mux *http.ServeMux) {
	route := func(path string, by map[string]http.HandlerFunc) {
		signaling.Route(mux, s.log, s.cfg.Origins, path, by)
	}
	endpoint := func(path string, post func(http.ResponseWriter, *http.Request) error) {
		route(path, map[string]http.HandlerFunc{http.MethodPost: s.door(post), http.MethodOptions: s.options})
	}
	peer := map[string]http.HandlerFunc{
		http.MethodPatch:   s.door(s.patch),
		http.MethodDelete:  s.door(s.remove),
		http.MethodOptions: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Accept-Patch", fragmentType) },
	}
	endpoint("/whip/{session}", s.publish)
	endpoint("/whep/{session}/{lang}", s.view)
	route("/whip/{session}/{peer}", peer)
	route("/whep/{session}/{lang}/{peer}", peer)
}

// door answers a handler's error.
func (s *Server) door(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			signaling.WriteError(w, r, s.log, err)
		}
	}
}

func (s *Server) options(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Accept-Post", offerType)
	w.Header().Set("Accept-Patch", fragmentType)
	s.links(w.Header())
}

// Close ends every peer that came in here and waits for all of them. Later offers are refused.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}
