package gateway

import (
	"errors"

	"livedub/cluster"
	"livedub/signaling"
)

var (
	errAway   = errors.New("the node does not answer")
	errGone   = errors.New("another process answers at the node's address")
	errNoNode = errors.New("what answers is no node")
	errStale  = errors.New("the node's claim is older than the registry's")
	errTaken  = errors.New("the node takes no more sessions")
)

// refuse says in the endpoints' words what the registry said.
func refuse(err error) error {
	out := &signaling.Error{Kind: signaling.ErrInternal, Message: err.Error()}
	switch {
	case errors.Is(err, cluster.ErrUnknown), errors.Is(err, cluster.ErrAsk):
		return signaling.Nothing()
	case errors.Is(err, cluster.ErrFull):
		out = &signaling.Error{Kind: signaling.ErrFull, Message: "no node has a place left", Hint: "wait as long as Retry-After says, then try again; more nodes make more places"}
	case errors.Is(err, cluster.ErrUnavailable):
		out = &signaling.Error{Kind: signaling.ErrFull, Message: "the cluster's registry does not answer: calls that run go on, nothing new can begin", Hint: "wait as long as Retry-After says, then try again"}
	case errors.Is(err, cluster.ErrClaimed):
		return signaling.ErrExists
	default:
		return err
	}
	if after, ok := cluster.RetryAfter(err); ok {
		out.Retry = after
	}
	return out
}

// badNode says that a node failed and was not given up.
func badNode(err error) error {
	return &signaling.Error{Kind: signaling.ErrBadNode, Message: "the session's node failed: " + err.Error(), Hint: "try again"}
}
