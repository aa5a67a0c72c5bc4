package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"livedub/signaling"
	"livedub/store"
)

type fakeMouths func(key string) error

func (f fakeMouths) Erase(_ context.Context, key string) error { return f(key) }

// TestEraseMouths: who bears the key erases, whoever they are, and no answer repeats it.
func TestEraseMouths(t *testing.T) {
	const key = "hush-hush-this-is-a-key"
	for want, err := range map[int]error{
		http.StatusNoContent:          nil,
		http.StatusBadRequest:         fmt.Errorf("%w: no key", store.ErrInvalid),
		http.StatusNotFound:           store.ErrNotFound,
		http.StatusServiceUnavailable: store.ErrUnavailable,
	} {
		asked := ""
		rig, log := newMouthsRig(t, fakeMouths(func(k string) error { asked = k; return err }))
		status, text := rig(http.MethodDelete, "Bearer "+key)
		if status != want || asked != key || strings.Contains(text, key) {
			t.Errorf("%v: %d %s, asked with %q", err, status, text, asked)
		}
		if said := strings.Count(log.String(), "audit=mouths_erased\n"); said != map[bool]int{true: 1}[err == nil] {
			t.Errorf("%v: logged %q", err, log)
		}
		if strings.Contains(log.String(), key) || strings.Contains(log.String(), "192.0.2.7") {
			t.Errorf("the log tells who it was: %q", log)
		}
		asked = ""
		if status, _ := rig(http.MethodDelete, ""); status != http.StatusBadRequest || asked != "" {
			t.Errorf("without a key: %d, asked with %q", status, asked)
		}
		if status, _ := rig(http.MethodGet, "Bearer "+key); status != http.StatusMethodNotAllowed || asked != "" {
			t.Errorf("GET: %d", status)
		}
	}
}

// newMouthsRig serves the endpoint and returns what asks /v1/mouths, and the log.
func newMouthsRig(t *testing.T, m Mouths) (ask func(method, authorization string) (status int, text string), log *strings.Builder) {
	t.Helper()
	log = &strings.Builder{}
	s := New(Config{Mouths: m, Log: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(s.Close)
	mux := http.NewServeMux()
	s.Register(mux)
	h := signaling.NewAccess(signaling.AccessConfig{}).Guard(mux)
	return func(method, authorization string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/v1/mouths", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.7:1234"
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := &answer{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(w, r)
		return w.status, w.text.String()
	}, log
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	text   strings.Builder
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.text.Write(b) }
