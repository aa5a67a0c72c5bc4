package main

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"livedub/signaling"
	"livedub/signaling/serving"
)

// site is the server's port. It is opened before there is anything to serve where
// somebody is to be told so.
type site struct {
	*http.Server
	l    net.Listener
	h    atomic.Pointer[http.Handler] // nil while the engines are opened
	done chan struct{}                // closed when its goroutine has ended; nil before open
	err  error                        // why
}

// newSite returns a site that is not open yet. By answerer gateways tell which run of
// which node answers; it is "" outside of a cluster.
func newSite(l net.Listener, answerer string, log *slog.Logger) *site {
	s := &site{l: l}
	s.Server = serving.NewServer(signaling.Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := s.h.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		w.Header().Set(signaling.NodeHeader, answerer)
		signaling.WriteError(w, r, log, &signaling.Error{Kind: signaling.ErrClosing, Message: "the server is starting", Hint: "try again soon", Retry: time.Second})
	})), log)
	return s
}

// open has the site answer.
func (s *site) open() {
	if s.done != nil {
		return
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = s.Serve(s.l)
	}()
}

// show has h answer from now on.
func (s *site) show(h http.Handler) {
	s.h.Store(&h)
	s.open()
}

// Close ends the site, and waits for its goroutine.
func (s *site) Close() {
	s.Server.Close()
	s.l.Close() // of which the server knows nothing before open
	if s.done != nil {
		<-s.done
	}
}
