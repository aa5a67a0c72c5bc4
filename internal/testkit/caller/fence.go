package caller

import (
	"context"
	"fmt"
	"sync"
)

// Fence is the highest that a client has seen of a session. What has a lower one comes
// from a node that no longer holds the session. The zero value has seen none.
type Fence struct {
	mu      sync.Mutex
	high    int64
	at      int64         // the highest under which somebody is connected
	arrived chan struct{} // closed when at rises; nil where nobody waits
}

// see notes a fence; 0 is none. A lower one than before is an error.
func (f *Fence) see(v int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v != 0 && v < f.high {
		return staleError{v, f.high}
	}
	f.high = max(f.high, v)
	return nil
}

// arrive notes that somebody is connected under a fence.
func (f *Fence) arrive(v int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v <= f.at {
		return
	}
	f.at = v
	if f.arrived != nil {
		close(f.arrived)
		f.arrived = nil
	}
}

// High returns the highest fence seen; 0 outside of a cluster.
func (f *Fence) High() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.high
}

// reach waits until somebody is connected under a fence of at least v, which it returns;
// false where ctx ends before.
func (f *Fence) reach(ctx context.Context, v int64) (int64, bool) {
	for {
		f.mu.Lock()
		if at := f.at; at >= v {
			f.mu.Unlock()
			return at, true
		}
		if f.arrived == nil {
			f.arrived = make(chan struct{})
		}
		arrived := f.arrived
		f.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// staleError says that a node answered which no longer holds the session.
type staleError struct{ got, high int64 }

func (e staleError) Error() string {
	return fmt.Sprintf("an answer with fence %d, when %d was seen: it is ignored", e.got, e.high)
}
