package gateway

import (
	"errors"

	"livedub/cluster"
	"livedub/signaling"
)

var (
	errSilent = errors.New("its heartbeats have ended, and it does not answer")
	errAway   = errors.New("the node does not answer")
	errGone   = errors.New("another process answers at the node's address")
	errNoNode = errors.New("what answers is no node")
	errStale  = errors.New("the node's claim is older than the registry's")
	errTaken  = errors.New("the node takes no more sessions")
)

// refusal says in the endpoints' words what the registry said.
type refusal struct {
	said  *signaling.Error
	cause error
}

func (r refusal) Error() string   { return r.said.Error() }
func (r refusal) Unwrap() []error { return []error{r.said, r.cause} }

// refuse says in the endpoints' words what the registry said.
func refuse(err error) error {
	out := &signaling.Error{Kind: signaling.ErrFull}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cluster.ErrUnknown), errors.Is(err, cluster.ErrAsk):
		return signaling.Nothing()
	case errors.Is(err, cluster.ErrFull):
		out.Message, out.Hint = "no node has a place left", "wait as long as Retry-After says, then try again; more nodes make more places"
	case errors.Is(err, cluster.ErrUnavailable):
		out.Message, out.Hint = "the cluster's registry does not answer: calls that run go on, nothing new can begin", "wait as long as Retry-After says, then try again"
	case errors.Is(err, cluster.ErrClaimed):
		return signaling.ErrExists
	default:
		return err
	}
	out.Retry, _ = cluster.RetryAfter(err)
	return refusal{out, err}
}

// badNode says that a node failed and was not given up.
func badNode(err error) error {
	return &signaling.Error{Kind: signaling.ErrBadNode, Message: "the session's node failed: " + err.Error(), Hint: "try again"}
}
