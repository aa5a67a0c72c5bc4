package signaling

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Kind is one sort of refusal: errors that wrap it become its status.
type Kind struct {
	Status int           // of HTTP
	Code   string        // of websocket messages
	Retry  time.Duration // after which another try makes sense; 0 for none
	what   string
	hint   string
}

func (k *Kind) Error() string { return k.what }

// Every refusal of an endpoint is one of these.
var (
	ErrBadRequest      = &Kind{http.StatusBadRequest, "bad_request", 0, "bad request", "docs/SIGNALING.md shows every request"}
	ErrBadOffer        = &Kind{http.StatusBadRequest, "bad_offer", 0, "bad offer", "send the SDP of RTCPeerConnection.createOffer()"}
	ErrNotFound        = &Kind{http.StatusNotFound, "not_found", 0, "not found", "use an address that POST /v1/sessions answered, whole, or its capability as Bearer; sessions are created by the server's own page, programs on its machine and the operator: docs/SIGNALING.md, Who may do what"}
	ErrMethod          = &Kind{http.StatusMethodNotAllowed, "method", 0, "method not allowed", "the Allow header lists what works"}
	ErrNoCodec         = &Kind{http.StatusNotAcceptable, "no_codec", 0, "no codec in common", "offer Opus and H.264 or VP8"}
	ErrBusy            = &Kind{http.StatusConflict, "busy", 0, "a live publisher is there already", "end it, or wait until it has been silent for 2 s"}
	ErrExists          = &Kind{http.StatusConflict, "exists", 0, "the session exists already", "use it, or choose another name"}
	ErrPrecondition    = &Kind{http.StatusPreconditionFailed, "precondition", 0, "If-Match names another ICE session", "send the ETag of the 201, or leave If-Match out"}
	ErrTooLarge        = &Kind{http.StatusRequestEntityTooLarge, "too_large", 0, "request too large", "send less"}
	ErrMediaType       = &Kind{http.StatusUnsupportedMediaType, "media_type", 0, "unsupported content type", "set Content-Type as docs/SIGNALING.md shows"}
	ErrMisdirected     = &Kind{http.StatusMisdirectedRequest, "misdirected", 0, "another server is meant", "add the name to serve.hosts if it is this server's"}
	ErrUnsupportedPair = &Kind{http.StatusUnprocessableEntity, "unsupported_pair", 0, "unsupported languages", "GET /v1/languages lists the pairs that work"}
	ErrNoLips          = &Kind{http.StatusUnprocessableEntity, "no_lips", 0, "the mouth cannot be re-rendered", "GET the session: lips tells why"}
	ErrRestart         = &Kind{http.StatusUnprocessableEntity, "restart", 0, "ICE restarts are not supported", "DELETE this resource and POST a new offer"}
	ErrRate            = &Kind{http.StatusTooManyRequests, "rate", time.Second, "too many requests", "wait as long as Retry-After says"}
	ErrFull            = &Kind{http.StatusServiceUnavailable, "full", 5 * time.Second, "no place is left", "wait as long as Retry-After says, then try again"}
	ErrClosing         = &Kind{http.StatusServiceUnavailable, "closing", 5 * time.Second, "the server is shutting down", "try again soon"}
	ErrBadNode         = &Kind{http.StatusBadGateway, "bad_node", time.Second, "the session's node failed", "try again"}
	ErrTimeout         = &Kind{http.StatusGatewayTimeout, "timeout", time.Second, "it took too long", "try again"}
	ErrInternal        = &Kind{http.StatusInternalServerError, "internal", 0, "internal error", "the server's log names the cause"}
)

// Error is a refusal with its own words.
type Error struct {
	Kind    *Kind
	Message string
	Hint    string        // the next step; "" for the kind's
	Retry   time.Duration // 0 for the kind's
	cause   error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.cause}
}

// Errorf returns an error of this kind that says what the format says and no more; %w wraps.
func (k *Kind) Errorf(format string, args ...any) error {
	return k.Because(fmt.Errorf(format, args...))
}

// Because makes err one of this kind; its words stay.
func (k *Kind) Because(err error) error {
	return &Error{Kind: k, Message: err.Error(), cause: err}
}

// Explain translates any error to a kind, a message and a hint: the one place that does.
// What is no Kind is internal, and told to nobody but the log.
func Explain(err error) Error {
	var e *Error
	var k *Kind
	switch {
	case errors.As(err, &e): // the outermost
		out := *e
		out.Message = err.Error() // with what was wrapped around it
		return fill(out)
	case errors.As(err, &k):
		return fill(Error{Kind: k, Message: err.Error()})
	case errors.As(err, new(*http.MaxBytesError)):
		return fill(Error{Kind: ErrTooLarge, Message: err.Error()})
	case timedOut(err):
		return fill(Error{Kind: ErrTimeout, Message: ErrTimeout.what})
	}
	return fill(Error{Kind: ErrInternal, Message: ErrInternal.what})
}

func fill(e Error) Error {
	if e.Hint == "" {
		e.Hint = e.Kind.hint
	}
	if e.Retry == 0 {
		e.Retry = e.Kind.Retry
	}
	return e
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}
