package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"livedub/signaling"
)

// profileTime is how long an answer to the operator may take: a profile lasts as long as it is asked to.
const profileTime = 5 * time.Minute

// admin is the listener for the operator alone.
type admin struct {
	srv  *http.Server
	done chan struct{}
}

// openAdmin serves h at addr to the operator; for "" it does nothing. The caller closes it.
func openAdmin(ctx context.Context, addr string, access *signaling.Access, h http.Handler, log *slog.Logger) (*admin, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := listen(ctx, addr, "--admin-listen")
	if err != nil {
		return nil, err
	}
	a := &admin{srv: newServer(access.GuardAdmin(h), log), done: make(chan struct{})}
	a.srv.WriteTimeout = profileTime
	go func() {
		defer close(a.done)
		if err := a.srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin listener failed", "err", err)
		}
	}()
	log.Info("serving the operator", "addr", l.Addr().String())
	return a, nil
}

// Close ends the listener, its connections, and waits for its goroutine. A nil admin has nothing to close.
func (a *admin) Close() {
	if a == nil {
		return
	}
	a.srv.Close()
	<-a.done
}
