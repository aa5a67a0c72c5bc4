package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// tries is how many nodes are asked for one request, within Times.Answer.
const tries = 8

// session forwards what is about one session to the node that holds it. A session
// whose node is dead is moved first: the new node opens it from what is kept of it.
func (g *Gateway) session(w http.ResponseWriter, r *http.Request) error {
	if preflight(w, r) {
		return nil
	}
	id, q := r.PathValue("id"), r.URL.Query()
	var ask *cluster.Ask
	if names(r) {
		ask = &cluster.Ask{Session: id, Cost: g.cost(strings.Split(strings.Join(q["to"], ","), ","), q.Get("from"), q.Get("consent") != "false")}
	}
	c, create, err := g.find(r, id, ask)
	if err != nil {
		return err
	}
	body, err := signaling.ReadBody(w, r, signaling.MaxBody)
	if err != nil {
		g.giveBack(r, c, create)
		return err
	}
	return g.deliver(r, c, create, g.http(w, r, body))
}

// find returns the claim of a session. One that is unknown is placed where the request
// may create it: ask says how, nil for one that may not.
func (g *Gateway) find(r *http.Request, id string, ask *cluster.Ask) (c cluster.Claim, create bool, err error) {
	c, err = g.cfg.Registry.Find(r.Context(), id)
	if g.count.step(err); ask == nil || !errors.Is(err, cluster.ErrUnknown) {
		return c, false, refuse(err)
	}
	if err := g.limit.Allow(r); err != nil {
		return c, false, err
	}
	c, err = g.cfg.Registry.Place(r.Context(), *ask)
	if g.count.step(err); errors.Is(err, cluster.ErrClaimed) { // somebody was faster
		return c, false, nil
	}
	return c, err == nil, refuse(err)
}

// attempt has the node of a claim answer a request. It fails where the client got no
// answer; status is 0 where the client has left. Before the client has the answer, the
// claim of a session that was not created is released: who is refused may ask again at once.
type attempt func(c cluster.Claim, p signaling.Pass) (status int, err error)

// http is the attempt for a request whose body was read.
func (g *Gateway) http(w http.ResponseWriter, r *http.Request, body []byte) attempt {
	return func(c cluster.Claim, p signaling.Pass) (int, error) { return g.forward(w, r, body, c, p) }
}

// deliver has a request answered by the node of a claim, and where that is dead, or
// takes no new session, by another. A claim for a session that was not created is
// released, by the attempt if that answers.
//
// A node whose heartbeats have ended may be cut off from the registry alone: as long
// as it answers, it has its sessions.
func (g *Gateway) deliver(r *http.Request, c cluster.Claim, create bool, try attempt) error {
	var err error
	for n, began := 0, time.Now(); n < tries && (n == 0 || time.Since(began) < g.cfg.Times.Answer); n++ {
		if c.Lost && (c.Addr == "" || g.dead(r.Context(), c)) {
			if c, err = g.move(r, c, create, errSilent); err != nil {
				break
			}
		}
		var status int
		status, err = try(c, pass(r, c, create))
		if err == nil {
			if create && status == http.StatusCreated {
				g.count.placed.Inc()
			}
			g.giveBack(r, c, create && status == 0)
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
	a := cluster.Ask{Session: c.Session, Cost: c.Cost, Refused: errors.Is(why, errTaken)}
	to, err := g.cfg.Registry.Move(r.Context(), a, c.Fence)
	switch g.count.step(err); {
	case err == nil:
		g.count.move(why)
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
	if err := g.count.step(g.cfg.Registry.Release(ctx, c.Session, c.Fence)); err != nil {
		g.log.Debug("claim not released", "session", c.Session, "err", err)
	}
}

// names tells whether a request may create the session that it names.
func names(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/whip/") && r.PathValue("rest") == "" &&
		signaling.From(r).MayName(r.PathValue("id")) && r.URL.Query().Get("from") != "" && r.URL.Query().Get("to") != ""
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
