package caller

import (
	"fmt"
	"sync"
)

// Fence is the highest that a client has seen of a session. What has a lower one comes
// from a node that no longer holds the session. The zero value has seen none.
type Fence struct {
	mu     sync.Mutex
	high   int64
	raised chan struct{} // closed when high rises; nil where nobody waits
}

// see notes a fence; 0 is none. A lower one than before is an error.
func (f *Fence) see(v int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case v == 0 || v == f.high:
	case v < f.high:
		return staleError{v, f.high}
	default:
		f.high = v
		if f.raised != nil {
			close(f.raised)
			f.raised = nil
		}
	}
	return nil
}

// High returns the highest fence seen; 0 outside of a cluster.
func (f *Fence) High() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.high
}

// wait returns the highest fence and what is closed when a higher one is seen.
func (f *Fence) wait() (int64, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.raised == nil {
		f.raised = make(chan struct{})
	}
	return f.high, f.raised
}

// staleError says that a node answered which no longer holds the session.
type staleError struct{ got, high int64 }

func (e staleError) Error() string {
	return fmt.Sprintf("an answer with fence %d, when %d was seen: it is ignored", e.got, e.high)
}
