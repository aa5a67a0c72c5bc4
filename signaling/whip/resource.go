package whip

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"golang.org/x/time/rate"

	"livedub/signaling"
)

// resource is a peer as its client may address it. Its goroutine, hold, alone closes the peer.
type resource struct {
	id     string // hard to guess: who knows it may end the peer
	path   string // of the endpoint it was made at
	etag   string // of its one ICE session
	ufrags []string
	peer   signaling.Peer
	bound  context.Context // ends when the peer may stay no longer
	unbind func()

	stop chan struct{} // closed by whoever takes it out of the server's map
	gone chan struct{} // closed when the peer is

	patches *rate.Limiter
}

func newResource(came signaling.Joined, path string, ufrags []string) *resource {
	bound, unbind := came.Grant.Bound(context.Background())
	return &resource{
		bound: bound, unbind: unbind,
		id: strings.ToLower(rand.Text()), path: path, etag: `"` + strings.ToLower(rand.Text()) + `"`,
		ufrags: ufrags, peer: came.Peer, stop: make(chan struct{}), gone: make(chan struct{}),
		patches: rate.NewLimiter(20, 100),
	}
}

// short names the resource in a log, where whoever reads it cannot end it.
func (r *resource) short() string { return r.id[:6] }

// keep adds a resource, unless the endpoints are closed.
func (s *Server) keep(res *resource) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	s.mu.Lock()
	s.resources[res.id] = res
	s.mu.Unlock()
	go s.hold(res)
	return nil
}

// hold waits for the peer's end, whoever brings it; the gate waits for it.
func (s *Server) hold(res *resource) {
	defer s.gate.Leave()
	defer close(res.gone)
	defer res.unbind()
	signaling.Guard(s.log, "peer", func() { s.outlive(res) })
}

// outlive waits for the peer's end and closes it.
func (s *Server) outlive(res *resource) {
	select {
	case <-res.peer.Done():
		s.take(res.id, res.path)
	case <-s.gate.Context().Done():
		s.take(res.id, res.path)
	case <-res.bound.Done():
		s.take(res.id, res.path)
		s.log.Info("peer let go", "path", res.path, "peer", res.short(), "why", signaling.Ended(res.bound))
	case <-res.stop:
	}
	if err := res.peer.Close(); err != nil {
		s.log.Debug("peer closed", "peer", res.short(), "err", err)
	}
	s.log.Info("peer gone", "path", res.path, "peer", res.short())
}

// take removes a resource; whoever gets it ends it.
func (s *Server) take(id, path string) *resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	res := s.resources[id]
	if res == nil || res.path != path {
		return nil
	}
	delete(s.resources, id)
	return res
}

// find returns the resource that a request addresses.
func (s *Server) find(r *http.Request) (*resource, error) {
	id, path := address(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if res := s.resources[id]; res != nil && res.path == path {
		return res, nil
	}
	return nil, noResource()
}

func noResource() error {
	return &signaling.Error{Kind: signaling.ErrNotFound, Message: "no such resource: it has ended, or never was", Hint: "POST a new offer"}
}

// address splits a resource's path to its id and its endpoint.
func address(r *http.Request) (id, path string) {
	id = r.PathValue("peer")
	return id, strings.TrimSuffix(r.URL.Path, "/"+id)
}

// remove is DELETE of a resource: the peer is gone when it is answered.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) error {
	res := s.take(address(r))
	if res == nil {
		return noResource()
	}
	close(res.stop)
	select {
	case <-res.gone:
	case <-r.Context().Done(): // it goes on without the client
		return r.Context().Err()
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// mayPatch counts one PATCH.
func (s *Server) mayPatch(res *resource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait, ok := signaling.Take(res.patches, 1); !ok {
		return &signaling.Error{Kind: signaling.ErrRate, Message: "too many PATCH requests", Retry: wait}
	}
	return nil
}
