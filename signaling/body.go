package signaling

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"
)

const (
	// MaxOffer is the size of the largest SDP that is read, in bytes. A browser's has 5 to 20 thousand.
	MaxOffer = 64 << 10
	// MaxBody is the size of the largest other body.
	MaxBody = 64 << 10

	bodyTime = 10 * time.Second // a body may take to arrive
)

// ReadBody reads a body of at most limit bytes, for bodyTime at most. After an
// error the time stays up: the server, which would read on for the next request,
// finds it over and closes the connection.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	return readBody(w, r, limit, bodyTime)
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64, within time.Duration) ([]byte, error) {
	tooLarge := func() error { return ErrTooLarge.Errorf("the body is larger than %d bytes", limit) }
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	// A server that knows no deadlines has its own way to bound a request.
	c := http.NewResponseController(w)
	until := time.Now().Add(within)
	bounded := false
	if b, ok := r.Body.(*body); ok {
		bounded = b.grant(until) == nil
	} else {
		bounded = c.SetReadDeadline(until) == nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	switch {
	case err != nil:
		w.Header().Set("Connection", "close")
		_ = c.SetReadDeadline(time.Unix(1, 0))
	case bounded:
		_ = c.SetReadDeadline(time.Time{})
	}
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, tooLarge()
	case timedOut(err):
		return nil, ErrTimeout.Errorf("the body did not arrive within %s", within)
	case err != nil:
		return nil, ErrBadRequest.Errorf("the body broke off: %w", err)
	}
	return body, nil
}

// ContentType refuses a body that says it is something else. One that says nothing passes.
func ContentType(r *http.Request, accepted ...string) error {
	is := r.Header.Get("Content-Type")
	if is == "" {
		return nil
	}
	t, _, err := mime.ParseMediaType(is)
	if err == nil && slices.Contains(accepted, t) {
		return nil
	}
	return ErrMediaType.Errorf("content type %q: send %s", clip(is), accepted[0])
}

// clip shortens what a client sent, to be told back.
func clip(s string) string {
	const most = 80
	if r := []rune(s[:min(len(s), 4*most)]); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s[:min(len(s), 4*most)]
}
