package signaling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
)

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)              // people read it: "en->es", "?from=en&to=es"
	if err := e.Encode(v); err != nil { // a figure that is no number
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString(`{"error":"internal error","hint":"a figure is no number: tell the developers"}` + "\n")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_, _ = w.Write(body.Bytes())
}

// refusal is the body of every answer that is not 2xx.
type refusal struct {
	Error string `json:"error"`
	Hint  string `json:"hint"`
}

// WriteError answers with err's status and {"error", "hint"}.
func WriteError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	e := Explain(err)
	if e.Kind == ErrInternal && !errors.Is(err, context.Canceled) {
		log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	if e.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.Retry.Seconds()))))
	}
	WriteJSON(w, e.Kind.Status, refusal{e.Message, e.Hint})
}
