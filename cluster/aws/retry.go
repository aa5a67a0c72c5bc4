package aws

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	pauseFirst = time.Second
	pauseMost  = time.Minute
)

// pause returns how long to wait after so many failures in a row: a random part of a span
// that doubles, so that the nodes of a fleet do not come back together.
func pause(failures int) time.Duration {
	span := pauseMost
	if failures < 7 {
		span = min(pauseFirst<<max(failures-1, 0), pauseMost)
	}
	return span/4 + rand.N(span*3/4)
}

// sleep waits, and returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// trouble tells of failures that repeat themselves once, and when they are over.
type trouble struct {
	log  *slog.Logger
	what string
	last Cause
	row  int // failures in a row
}

// note takes the outcome of a request, and returns how long to wait before the next.
func (t *trouble) note(err error) time.Duration {
	if err == nil {
		if t.row > 0 {
			t.log.Info("AWS works again", "what", t.what, "failures", t.row)
		}
		t.last, t.row = "", 0
		return 0
	}
	t.row++
	if c := causeOf(err); c != t.last {
		t.last = c
		t.log.Warn("AWS: tried again until it works", "what", t.what, "why", string(c), "err", err)
	}
	return pause(t.row)
}
