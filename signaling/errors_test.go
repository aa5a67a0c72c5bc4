package signaling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryErrorHasItsStatus(t *testing.T) {
	wrapped := errors.New("the camera's")
	for name, c := range map[string]struct {
		err     error
		status  int
		message string
		retry   string
	}{
		"not found":       {ErrNotFound, 404, "not found", ""},
		"its own words":   {ErrBusy.Errorf("session %q is on air", "a"), 409, `session "a" is on air`, ""},
		"wrapped kind":    {fmt.Errorf("es: %w", ErrNoCodec), 406, "es: no codec in common", ""},
		"wrapped error":   {fmt.Errorf("while joining: %w", ErrFull.Errorf("all 4 taken")), 503, "while joining: all 4 taken", "5"},
		"because":         {ErrBadOffer.Because(wrapped), 400, "the camera's", ""},
		"joined":          {errors.Join(ErrMisdirected, wrapped), 421, "another server is meant\nthe camera's", ""},
		"pair":            {ErrUnsupportedPair, 422, "unsupported languages", ""},
		"rate":            {&Error{Kind: ErrRate, Message: "slow down", Retry: 1200 * time.Millisecond}, 429, "slow down", "2"},
		"timeout":         {context.DeadlineExceeded, 504, "it took too long", "1"},
		"too large":       {&http.MaxBytesError{Limit: 1}, 413, "http: request body too large", ""},
		"unknown":         {wrapped, 500, "internal error", ""},
		"our own closing": {ErrClosing, 503, "the server is shutting down", "5"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w := httptest.NewRecorder()
			WriteError(w, httptest.NewRequest("GET", "/x", nil), slog.New(slog.NewTextHandler(&log, nil)), c.err)
			var got map[string]string
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || got["error"] != c.message || got["hint"] == "" || len(got) != 2 {
				t.Errorf("got %d %v, want %d %q and a hint", w.Code, got, c.status, c.message)
			}
			if r := w.Header().Get("Retry-After"); r != c.retry {
				t.Errorf("Retry-After %q, want %q", r, c.retry)
			}
			if logged := strings.Contains(log.String(), "the camera's"); logged != (c.status == 500) {
				t.Errorf("logged: %q", log.String())
			}
		})
	}
}

func TestErrorsAreTheirKindAndTheirCause(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{ErrFull.Because(cause), ErrFull.Errorf("no: %w", cause)} {
		if !errors.Is(err, ErrFull) || !errors.Is(err, cause) || errors.Is(err, ErrBusy) {
			t.Errorf("%v is not what it should be", err)
		}
	}
}

func TestFiguresThatAreNoNumbers(t *testing.T) {
	zero := 0.0
	nan := zero / zero
	w := httptest.NewRecorder()
	WriteJSON(w, 200, Figures{"p50": &nan})
	if w.Code != 500 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
