package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"livedub/cluster"
	"livedub/signaling"
)

// anywhere forwards to a node that serves: all nodes of a cluster answer the same.
func (g *Gateway) anywhere(w http.ResponseWriter, r *http.Request) error {
	nodes, err := g.serving(r.Context())
	if err != nil {
		return refuse(err)
	}
	err = errNoNode
	for i, s := range nodes {
		if i == tries {
			break
		}
		if _, err = g.to(w, r, s); err == nil {
			return nil
		}
	}
	if len(nodes) == 0 {
		return refuse(cluster.ErrFull)
	}
	return badNode(err)
}

// to forwards a request that has no body to a node, whatever it holds.
func (g *Gateway) to(w http.ResponseWriter, r *http.Request, s cluster.Status) (status int, err error) {
	c := cluster.Claim{Node: s.ID, Boot: s.Boot, Addr: s.Addr}
	return g.forward(w, r, nil, c, pass(r, c, false))
}

// recordings is /v1/recordings and what is below it. The list is any node's: nodes share a
// database. The files of a recording are everywhere where they lie on S3, and before they
// got there, at the node that records: the next node is asked for what one does not find.
// A node that records on ends only by being told: all are told what is deleted.
func (g *Gateway) recordings(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("id") == "" || r.Method == http.MethodOptions {
		return g.anywhere(w, r)
	}
	nodes, err := g.answering(r.Context())
	if err != nil {
		return refuse(err)
	}
	if r.Method == http.MethodDelete {
		// Signed tokens give rights by the session's name: each node learns it while it is
		// known, for the first that deletes has it forgotten everywhere.
		g.everywhere(r, http.MethodGet, nodes)
		return g.deleteEverywhere(w, r, nodes, "its part of the recording")
	}
	var failed error
	nothing := &absent{ResponseWriter: w}
	for i, s := range nodes {
		last := i == min(len(nodes), tries)-1
		if nothing.reset(last); r.Context().Err() != nil {
			return nil
		}
		_, err := g.to(nothing, r, s)
		switch {
		case err != nil:
			failed = err
		case !nothing.held:
			return nil // it has answered
		}
		if last {
			break
		}
	}
	switch {
	case len(nodes) == 0:
		return refuse(cluster.ErrFull)
	case failed != nil:
		return badNode(failed)
	}
	return signaling.Nothing()
}

// absent holds a 404 back, so that another node can be asked.
type absent struct {
	http.ResponseWriter
	header http.Header // of this try
	pass   bool        // a 404 too
	held   bool        // there was a 404, of which nobody is told
	begun  bool
}

// reset is for the next try; the last one's answer goes out whatever it is.
func (a *absent) reset(last bool) {
	a.header, a.pass, a.held, a.begun = http.Header{}, last, false, false
}

func (a *absent) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *absent) Header() http.Header { return a.header }

func (a *absent) WriteHeader(status int) {
	if a.begun {
		return
	}
	if a.begun = true; status == http.StatusNotFound && !a.pass {
		a.held = true
		return
	}
	to := a.ResponseWriter.Header()
	for name, values := range a.header {
		to[name] = values
	}
	a.ResponseWriter.WriteHeader(status)
}

// FlushError sends on what was written, unless it is held back.
func (a *absent) FlushError() error {
	if a.held || !a.begun {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

func (a *absent) Write(b []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	if a.held {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

// mouths is /v1/mouths: mouths of one key are erased. All nodes are told: one may be about
// to keep more of them, when a session ends, and without a shared store each has its own.
func (g *Gateway) mouths(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodDelete {
		return g.anywhere(w, r)
	}
	nodes, err := g.answering(r.Context())
	if err != nil {
		return refuse(err)
	}
	return g.deleteEverywhere(w, r, nodes, "the mouths that it keeps")
}

// deleteEverywhere tells all nodes to delete something that is kept. It is deleted where
// one node has done so and none has failed.
func (g *Gateway) deleteEverywhere(w http.ResponseWriter, r *http.Request, nodes []cluster.Status, what string) error {
	if len(nodes) == 0 {
		return refuse(cluster.ErrFull)
	}
	status, failed := g.everywhere(r, http.MethodDelete, nodes)
	for i, s := range status {
		if failed[i] == nil && s != http.StatusNoContent && s != http.StatusNotFound {
			failed[i] = fmt.Errorf("%s answers %d", nodes[i].ID, s)
		}
	}
	if err := errors.Join(failed...); err != nil {
		g.log.Warn("what is kept is not deleted everywhere", "what", what, "err", err)
		return &signaling.Error{Kind: signaling.ErrBadNode, Message: "a node did not delete " + what, Hint: "delete it again"}
	}
	for _, s := range status {
		if s == http.StatusNoContent {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	return signaling.Nothing()
}

// everywhere sends a request without a body to all nodes, and returns how each answered.
func (g *Gateway) everywhere(r *http.Request, method string, nodes []cluster.Status) (status []int, failed []error) {
	ctx, cancel := context.WithTimeout(r.Context(), g.cfg.Times.Answer)
	defer cancel()
	status, failed = make([]int, len(nodes)), make([]error, len(nodes))
	turns := make(chan struct{}, listAtOnce)
	var asking sync.WaitGroup
	for i, s := range nodes {
		asking.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			status[i], failed[i] = g.tell(ctx, r, method, s)
		})
	}
	asking.Wait()
	return status, failed
}

// tell sends a request without a body to a node, and returns how it answered.
func (g *Gateway) tell(ctx context.Context, r *http.Request, method string, s cluster.Status) (status int, err error) {
	came := original(r)
	req, err := http.NewRequestWithContext(ctx, method, s.Addr+came.URL.RequestURI(), nil)
	if err != nil {
		return 0, err
	}
	for _, name := range []string{"Authorization", "Origin", "Sec-Fetch-Site"} { // by which the node knows who asks
		if v := came.Header.Values(name); len(v) > 0 {
			req.Header[name] = v
		}
	}
	p := pass(r, cluster.Claim{Node: s.ID, Boot: s.Boot}, false)
	g.vouch(req, r, p)
	a, err := g.nodes.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(a.Body, 4096)) // so that the connection serves again
	if a.Header.Get(signaling.NodeHeader) != p.Answerer() {
		return 0, errNoNode
	}
	return a.StatusCode, nil
}
