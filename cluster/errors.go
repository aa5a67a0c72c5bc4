package cluster

import (
	"errors"
	"time"
)

var (
	ErrFull        = errors.New("cluster: no node has a place left: add nodes, or try again later")
	ErrClaimed     = errors.New("cluster: the session is at a node already")
	ErrUnknown     = errors.New("cluster: no such session")
	ErrStale       = errors.New("cluster: the fence is not the session's: another node holds it, or it has ended")
	ErrTaken       = errors.New("cluster: another process lives under this node's name: give each node a name of its own, or wait until it counts as dead")
	ErrNode        = errors.New("cluster: not a node that can be taken in")
	ErrAsk         = errors.New("cluster: not a session that can be placed")
	ErrTooBig      = errors.New("cluster: the checkpoint would be too big")
	ErrUnavailable = errors.New("cluster: the registry does not answer: sessions that run go on, new ones have to wait")
)

// RetryAfter returns when somebody whose session was refused may try again, and
// whether that can help.
func RetryAfter(err error) (time.Duration, bool) {
	switch {
	case errors.Is(err, ErrUnavailable):
		return 2 * time.Second, true
	case errors.Is(err, ErrFull):
		return 10 * time.Second, true
	default:
		return 0, false
	}
}
