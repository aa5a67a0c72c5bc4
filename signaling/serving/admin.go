package serving

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

// Admin is the listener for the operator alone.
type Admin struct {
	srv  *http.Server
	done chan struct{}
}

// OpenAdmin serves h at addr to the operator; for "" it does nothing. The caller closes it.
func OpenAdmin(ctx context.Context, addr string, access *signaling.Access, h http.Handler, log *slog.Logger) (*Admin, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := Listen(ctx, addr, "--admin-listen")
	if err != nil {
		return nil, err
	}
	a := &Admin{srv: NewServer(signaling.Secure(access.GuardAdmin(h)), log), done: make(chan struct{})}
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

// Close ends the listener, its connections, and waits for its goroutine. A nil Admin has nothing to close.
func (a *Admin) Close() {
	if a == nil {
		return
	}
	a.srv.Close()
	<-a.done
}
