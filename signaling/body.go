package signaling

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxOffer is the size of the largest SDP that is read, in bytes.
	MaxOffer = 256 << 10
	// MaxBody is the size of the largest other body.
	MaxBody = 64 << 10

	bodyTime = 10 * time.Second // a body may take to arrive
)

// ReadBody reads a body of at most limit bytes, for bodyTime at most.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	tooLarge := func() error { return ErrTooLarge.Errorf("the body is larger than %d bytes", limit) }
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	// A server that knows no deadlines has its own way to bound a request.
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
		defer c.SetReadDeadline(time.Time{})
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, tooLarge()
	case timedOut(err):
		return nil, ErrTimeout.Errorf("the body did not arrive within %s", bodyTime)
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

// CheckOffer refuses what cannot be an offer, before anything is made for its sake.
func CheckOffer(sdp string) error {
	switch {
	case len(sdp) > MaxOffer:
		return ErrTooLarge.Errorf("the offer is larger than %d bytes", MaxOffer)
	case strings.TrimSpace(sdp) == "":
		return ErrBadOffer.Errorf("the offer is empty")
	case !utf8.ValidString(sdp) || strings.ContainsFunc(sdp, control):
		return ErrBadOffer.Errorf("the offer is binary, not SDP")
	case !strings.HasPrefix(sdp, "v=0"):
		return ErrBadOffer.Errorf("the offer is no SDP: it does not begin with v=0")
	case !strings.Contains(sdp, "\nm=audio ") && !strings.Contains(sdp, "\nm=video "):
		return ErrBadOffer.Errorf("the offer has neither audio nor video")
	}
	return nil
}

func control(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' || r == 0x7f }

// clip shortens what a client sent, to be told back.
func clip(s string) string {
	const most = 80
	if r := []rune(s[:min(len(s), 4*most)]); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s[:min(len(s), 4*most)]
}
