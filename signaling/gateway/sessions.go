package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// sessions is /v1/sessions: one is created, or all are listed.
func (g *Gateway) sessions(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodPost:
		return g.create(w, r)
	case http.MethodGet:
		return g.list(w, r)
	}
	w.Header().Set("Allow", "GET, POST")
	return signaling.ErrMethod.Errorf("%s is not allowed here: use GET or POST", r.Method)
}

// create finds a place for a new session and has the node create it there. What
// the body means is the node's to judge; its languages decide the cost.
func (g *Gateway) create(w http.ResponseWriter, r *http.Request) error {
	if !signaling.From(r).MayCreate() {
		return signaling.Nothing()
	}
	if err := g.limit.Allow(r); err != nil {
		return err
	}
	body, err := signaling.ReadBody(w, r, signaling.MaxBody)
	if err != nil {
		return err
	}
	var asked struct {
		From    string   `json:"from"`
		To      []string `json:"to"`
		Consent bool     `json:"consent"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return signaling.ErrBadRequest.Errorf("the body is no JSON of a session: %w", err)
	}
	id := strings.ToLower(rand.Text()[:12])
	c, err := g.cfg.Registry.Place(r.Context(), cluster.Ask{Session: id, Cost: g.cost(asked.To, asked.From, asked.Consent)})
	if g.count.step(err) != nil {
		return refuse(err)
	}
	return g.deliver(r, c, true, g.http(w, r, body))
}

const (
	listNodes    = 256     // whose sessions are listed at most
	listAtOnce   = 8       // nodes that are asked at a time
	listSessions = 1000    // at most
	listBytes    = 4 << 20 // of one node's answer
	listTime     = 3 * time.Second
	listedFor    = time.Second // how long a list of the nodes is good
)

// node is how a node does, for the operator.
type node struct {
	ID       string   `json:"id"`
	State    string   `json:"state"` // "warming", "serving", "draining", "dead"
	Capacity float64  `json:"capacity"`
	Used     float64  `json:"used"`
	Sessions int      `json:"sessions"`
	Holds    []string `json:"holds"`  // the sessions that it tells of
	GPU      float64  `json:"gpu"`    // in use, 0 to 1
	Memory   float64  `json:"memory"` // in use, 0 to 1
	AgeMS    int64    `json:"age_ms"` // since its last heartbeat
	Error    string   `json:"error,omitempty"`
}

// list is GET /v1/sessions, for the operator: the sessions of all nodes that answer in time.
func (g *Gateway) list(w http.ResponseWriter, r *http.Request) error {
	if !signaling.From(r).Operator() {
		return signaling.Nothing()
	}
	all, err := g.cfg.Registry.Nodes(r.Context())
	if g.count.step(err) != nil {
		return refuse(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), listTime)
	defer cancel()
	nodes, found := make([]node, len(all)), make([][]json.RawMessage, len(all))
	turns := make(chan struct{}, listAtOnce)
	var asking sync.WaitGroup
	for i, s := range all {
		nodes[i] = node{s.ID, string(s.State), s.Capacity, s.Used, s.Claims, []string{}, s.GPU, s.Memory, s.Age.Milliseconds(), ""}
		switch {
		case s.Dead:
			nodes[i].State = "dead"
		case i < listNodes && s.Claims > 0:
			asking.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				var err error
				if found[i], err = g.listOf(ctx, r, s); err != nil {
					nodes[i].Error = "it did not tell its sessions in time"
				}
			})
		}
	}
	asking.Wait()
	for i := range found {
		nodes[i].holds(found[i])
	}
	sessions := slices.Concat(found...)
	more := max(0, len(sessions)-listSessions)
	if sessions = sessions[:len(sessions)-more]; sessions == nil {
		sessions = []json.RawMessage{}
	}
	signaling.WriteJSON(w, http.StatusOK, map[string]any{"sessions": sessions, "nodes": nodes, "left_out": more})
	return nil
}

// holds notes the names of sessions that a node tells of.
func (n *node) holds(told []json.RawMessage) {
	for _, t := range told {
		var s struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(t, &s) == nil && s.ID != "" && len(n.Holds) < listSessions {
			n.Holds = append(n.Holds, s.ID)
		}
	}
}

// listOf asks a node for its sessions.
func (g *Gateway) listOf(ctx context.Context, r *http.Request, s cluster.Status) ([]json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Addr+"/v1/sessions", nil)
	if err != nil {
		return nil, err
	}
	p := pass(r, cluster.Claim{Node: s.ID, Boot: s.Boot}, false)
	g.vouch(req, r, p)
	a, err := g.nodes.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	var told struct {
		Sessions []json.RawMessage `json:"sessions"`
	}
	if a.Header.Get(signaling.NodeHeader) != p.Answerer() || a.StatusCode != http.StatusOK {
		return nil, errNoNode
	}
	err = json.NewDecoder(io.LimitReader(a.Body, listBytes)).Decode(&told)
	return told.Sessions, err
}

// serving returns the nodes that take sessions.
func (g *Gateway) serving(ctx context.Context) ([]cluster.Status, error) {
	all, err := g.answering(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(s cluster.Status) bool { return s.State != cluster.Serving }), err
}

// answering returns the nodes that answer, also those that take no more sessions, from a
// list that is a second old at most. So is an error: while the registry is away, one
// request a second waits for it.
func (g *Gateway) answering(ctx context.Context) ([]cluster.Status, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.asked) > listedFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), listTime)
		defer cancel()
		all, err := g.cfg.Registry.Nodes(ctx)
		g.listed = slices.DeleteFunc(all, func(s cluster.Status) bool { return s.Dead || s.State == cluster.Warming })
		g.asked, g.listErr = time.Now(), g.count.step(err)
	}
	return g.listed, g.listErr
}
