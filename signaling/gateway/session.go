package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"livedub/cluster"
	"livedub/signaling"
)

// tries is how many nodes are asked for one request.
const tries = 3

// session forwards what is about one session to the node that holds it. A session
// whose node is dead is moved first: the new node opens it from what is kept of it.
func (g *Gateway) session(w http.ResponseWriter, r *http.Request) error {
	if preflight(w, r) {
		return nil
	}
	id := r.PathValue("id")
	c, err := g.cfg.Registry.Find(r.Context(), id)
	create := false
	if errors.Is(err, cluster.ErrUnknown) && names(r) {
		if err = g.limit.Allow(r); err != nil {
			return err
		}
		q := r.URL.Query()
		c, err = g.cfg.Registry.Place(r.Context(), cluster.Ask{Session: id, Cost: g.cost(strings.Split(strings.Join(q["to"], ","), ","), q.Get("from"), q.Get("consent") != "false")})
		if create = err == nil; errors.Is(err, cluster.ErrClaimed) { // somebody was faster
			err = nil
		}
	}
	if err != nil {
		return refuse(err)
	}
	body, err := signaling.ReadBody(w, r, signaling.MaxBody)
	if err != nil {
		g.giveBack(r, c, create)
		return err
	}
	return g.deliver(w, r, body, c, create)
}

// deliver forwards a request to the node of a claim, and where that is dead, or takes
// no new session, to another. A claim for a session that was not created is released.
func (g *Gateway) deliver(w http.ResponseWriter, r *http.Request, body []byte, c cluster.Claim, create bool) error {
	var err error
	for range tries {
		if c.Lost {
			if c, err = g.move(r, c, create, errors.New("its heartbeats have ended")); err != nil {
				break
			}
		}
		var status int
		status, err = g.forward(w, r, body, c, pass(r, c, create))
		if err == nil {
			g.giveBack(r, c, create && status != http.StatusCreated)
			return nil
		}
		if !g.over(r.Context(), c, err) {
			break
		}
		var moved cluster.Claim
		if moved, err = g.move(r, c, create, err); err != nil {
			break
		}
		c = moved
	}
	g.giveBack(r, c, create)
	var known *signaling.Error
	var kind *signaling.Kind
	switch {
	case r.Context().Err() != nil:
		return nil // nobody listens
	case errors.As(err, &known), errors.As(err, &kind):
		return err
	case errors.Is(err, errTaken):
		return refuse(cluster.ErrFull)
	case errors.Is(err, errStale):
		return &signaling.Error{Kind: signaling.ErrBadNode, Message: "the session is being taken over by another node", Hint: "try again"}
	}
	g.log.Warn("a node failed", "node", c.Node, "session", c.Session, "err", err)
	return badNode(err)
}

// over tells whether a failure means that the claim's node will not answer for it.
func (g *Gateway) over(ctx context.Context, c cluster.Claim, err error) bool {
	switch {
	case errors.Is(err, errGone), errors.Is(err, errTaken), errors.Is(err, errAway):
		return true // proved: the answer came from a successor, from the node, or did not come to two probes
	case errors.Is(err, errStale), errors.Is(err, signaling.ErrClosing), ctx.Err() != nil:
		return false
	}
	return g.dead(ctx, c)
}

// move fences the holder of a claim and finds the session another node. Where
// somebody else has moved it, theirs is the claim.
func (g *Gateway) move(r *http.Request, c cluster.Claim, create bool, why error) (cluster.Claim, error) {
	to, err := g.cfg.Registry.Move(r.Context(), cluster.Ask{Session: c.Session, Cost: c.Cost}, c.Fence)
	switch {
	case err == nil:
		g.log.Info("session moved", "session", c.Session, "from", c.Node, "to", to.Node, "fence", int64(to.Fence), "why", why, "new", create)
		return to, nil
	case errors.Is(err, cluster.ErrStale) && to.Node != "":
		return to, nil
	}
	return cluster.Claim{}, refuse(err)
}

// giveBack releases the claim of a session that was not created. Where that fails
// the claim ends by itself, as no node confirms it.
func (g *Gateway) giveBack(r *http.Request, c cluster.Claim, unused bool) {
	if !unused || c.Session == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), g.cfg.Times.Dial)
	defer cancel()
	if err := g.cfg.Registry.Release(ctx, c.Session, c.Fence); err != nil {
		g.log.Debug("claim not released", "session", c.Session, "err", err)
	}
}

// names tells whether a request may create the session that it names.
func names(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/whip/") && r.PathValue("rest") == "" &&
		signaling.From(r).MayName() && r.URL.Query().Get("from") != "" && r.URL.Query().Get("to") != ""
}

// cost returns what a session costs a node, in places.
func (g *Gateway) cost(to []string, from string, consent bool) float64 {
	dubs := map[string]bool{}
	for _, l := range to {
		if l != "" && l != from {
			dubs[l] = true
		}
	}
	return g.cfg.Prices.Cost(cluster.Work{Languages: len(dubs), Lips: consent, NeuralVoice: g.cfg.Neural, NeuralHearing: g.cfg.Neural})
}

// preflight answers a browser that asks what a page of another origin may send.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "OPTIONS, GET, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}
