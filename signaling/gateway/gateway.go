// Package gateway is the public front of a cluster: it finds a node for each new
// session, and forwards what comes for a session to the node that holds it. It
// keeps nothing, so that any number of gateways can stand side by side.
package gateway

import (
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// Config is how a gateway works.
type Config struct {
	Registry cluster.Registry
	Key      signaling.PassKey // nodes have the same
	Prices   cluster.Prices    // zero: cluster.DefaultPrices
	Neural   bool              // nodes speak by nets, which costs more
	Page     http.Handler      // what is at paths that are no endpoint's; nil for nothing
	Times    Times             // zero for the defaults
	Sockets  int               // websockets of one address at /ws; 0 for no bound
	Log      *slog.Logger      // nil for none
}

// Times bound what nodes may take.
type Times struct {
	Dial   time.Duration // to connect to a node
	Answer time.Duration // until an answer begins
	Doubt  time.Duration // without an answer after which the node is probed
	Probe  time.Duration // one probe
	Apart  time.Duration // between the two probes, both of which a dead node must fail
	Write  time.Duration // a client may take nothing for so long
}

var defaultTimes = Times{
	Dial: time.Second, Answer: 15 * time.Second, Doubt: time.Second,
	Probe: 500 * time.Millisecond, Apart: 200 * time.Millisecond, Write: 10 * time.Second,
}

// maxRequests bounds what is forwarded at a time; each holds two connections.
const maxRequests = 8192

// Gateway is the front.
type Gateway struct {
	cfg   Config
	log   *slog.Logger
	gate  *signaling.Gate // of requests being forwarded
	limit *signaling.Limiter
	quota *signaling.Quota // of websockets
	nodes *http.Transport
	count *metrics

	mu      sync.Mutex
	listed  []cluster.Status
	listErr error
	asked   time.Time // when listed was read
}

// New returns a gateway; Close ends it.
func New(c Config) *Gateway {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Prices == (cluster.Prices{}) {
		c.Prices = cluster.DefaultPrices
	}
	if c.Times == (Times{}) {
		c.Times = defaultTimes
	}
	return &Gateway{
		cfg: c, log: c.Log, gate: signaling.NewGate(maxRequests, "requests"), limit: signaling.NewLimiter(),
		quota: signaling.NewQuota("websockets", c.Sockets, 0), nodes: newTransport(c.Times), count: newMetrics(),
	}
}

// Handler returns the gateway's endpoints. It stands behind signaling.Front, Keep and Access.Guard.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h signaling.Handler) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				g.fail(w, r, err)
			}
		})
	}
	handle("/v1/sessions", g.sessions)
	handle("/v1/languages", g.anywhere)
	handle("/v1/mouths", g.mouths)
	for _, pattern := range []string{"/v1/recordings", "/v1/recordings/{id}", "/v1/recordings/{id}/{rest...}"} {
		handle(pattern, g.recordings)
	}
	for _, pattern := range []string{
		"/v1/sessions/{id}", "/v1/sessions/{id}/{rest...}", "/whip/{id}", "/whip/{id}/{rest...}",
		"/whep/{id}", "/whep/{id}/{rest...}", "/ws/{id}", "/ws/{id}/{$}", "/hls/{id}", "/hls/{id}/{rest...}",
	} {
		handle(pattern, g.session)
	}
	signaling.Route(mux, g.log, signaling.OwnOrigin, "/ws", map[string]signaling.Handler{http.MethodGet: g.socket})
	for _, root := range []string{"/v1/", "/whip/", "/whep/", "/ws/", "/hls/"} {
		handle(root, g.nothing)
	}
	if g.cfg.Page != nil {
		mux.Handle("/", g.cfg.Page)
	} else {
		handle("/", g.nothing)
	}
	return mux
}

// Close ends what is being forwarded and waits for it.
func (g *Gateway) Close() {
	g.gate.Close()
	g.nodes.CloseIdleConnections()
}

func (g *Gateway) nothing(_ http.ResponseWriter, r *http.Request) error {
	return &signaling.Error{
		Kind: signaling.ErrNotFound, Message: "there is nothing at this path",
		Hint: "there are /v1/sessions, /v1/languages, /v1/recordings, /v1/mouths, /whip/{session}, /whep/{session}/{lang}, /hls/{session}/index.m3u8, /ws and /ws/{session}; the page is at /",
	}
}

// fail answers with an error. Pages of any origin may read it, as they may at the nodes.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	if own := []string{"/v1/sessions", "/v1/languages", "/v1/recordings", "/v1/mouths"}; !slices.Contains(own, r.URL.Path) {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
	g.count.refuse(err)
	signaling.WriteError(w, r, g.log, err)
}
