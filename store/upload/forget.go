package upload

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"livedub/internal/guard"
	"livedub/store"
)

const (
	grace    = 5 * time.Second // for what is under way to arrive, so that it can be deleted
	later    = time.Minute     // until what may have arrived in spite of that is deleted
	remember = 10_000          // prefixes
)

// sweep is a prefix below which all is to be deleted from the objects.
type sweep struct {
	prefix string
	due    time.Time
	tries  int // that failed
	busy   bool
}

// Forget deletes all below a prefix, which is that of a recording or of a part of it,
// as "recordings/ID/": what waits, what is under way, and what has arrived; what is
// added there from now on is deleted too. When it fails the uploader goes on trying.
func (u *Uploader) Forget(ctx context.Context, prefix string) error {
	if !ours(prefix+"x") || !strings.HasSuffix(prefix, "/") {
		return fmt.Errorf("upload: forget %.80q: %w: it is the prefix of no recording", prefix, store.ErrInvalid)
	}
	under := u.forget(prefix)
	local := os.RemoveAll(u.path(prefix))
	// What is cut off now may arrive later: it is better to wait a little.
	timer := time.AfterFunc(grace, func() { cut(under) })
	defer timer.Stop()
	sure := true
	for _, f := range under {
		select {
		case <-f.ended:
		case <-ctx.Done():
			cut(under)
			<-f.ended
		}
		sure = sure && !f.cut.Load()
	}
	err := u.cfg.Objects.Delete(ctx, prefix)
	if err != nil || !sure {
		s := &sweep{prefix: prefix}
		if err == nil {
			s.due = time.Now().Add(later)
		}
		u.mu.Lock()
		u.sweeps = append(u.sweeps, s)
		u.signal()
		u.mu.Unlock()
	}
	if err == nil && local != nil {
		err = fmt.Errorf("upload: forget %q: %w", prefix, local)
	}
	return err
}

// forget takes out what waits and returns what is under way.
func (u *Uploader) forget(prefix string) (under []*flight) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.isForgotten(prefix) {
		u.forgotten = append(u.forgotten, prefix)
		u.forgotten = u.forgotten[max(0, len(u.forgotten)-remember):]
	}
	for key, f := range u.files {
		switch {
		case !strings.HasPrefix(key, prefix):
		case f.flight == nil:
			u.drop(f)
		default:
			f.gone = true
			under = append(under, f.flight)
		}
	}
	u.signal()
	return under
}

// isForgotten tells whether a key lies below a forgotten prefix.
func (u *Uploader) isForgotten(key string) bool {
	return slices.ContainsFunc(u.forgotten, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// cut ends what is under way.
func cut(under []*flight) {
	for _, f := range under {
		f.cut.Store(true)
		f.stop()
	}
}

// sweep tries to delete what may have arrived, once.
func (u *Uploader) sweep(s *sweep) {
	ctx, cancel := context.WithTimeout(u.ctx, patience)
	defer cancel()
	err := guard.Do("delete "+s.prefix, func() error { return u.cfg.Objects.Delete(ctx, s.prefix) })
	u.mu.Lock()
	defer u.mu.Unlock()
	s.busy = false
	if err == nil {
		u.recovered()
		u.sweeps = slices.DeleteFunc(u.sweeps, func(x *sweep) bool { return x == s })
	} else if u.ctx.Err() == nil {
		s.tries++
		s.due = time.Now().Add(pause(s.tries))
		u.stats.Retries++
		u.failed(s.prefix, err)
	}
	u.signal()
}
