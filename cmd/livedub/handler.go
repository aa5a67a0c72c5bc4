package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"livedub/signaling"
	"livedub/web"
)

// handler is the server's doors: the page, its health and its metrics.
func handler(version string, metrics http.Handler, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /healthz", health(version, time.Now()))
	mux.Handle("GET /", page(log))
	mux.Handle("/", nothing(mux, log))
	return mux
}

// page serves the page's files, and tells programs in JSON what is none of them.
func page(log *slog.Logger) http.Handler {
	files := web.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !web.Has(r.URL.Path) {
			noSuchPath(w, r, log)
			return
		}
		files.ServeHTTP(w, r)
	})
}

// nothing answers for the methods that mux has no pattern for.
func nothing(mux *http.ServeMux, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Clone(r.Context())
		get.Method = http.MethodGet
		if _, pattern := mux.Handler(get); pattern != "GET /" && strings.HasPrefix(pattern, "GET ") || web.Has(r.URL.Path) {
			w.Header().Set("Allow", "GET, HEAD")
			signaling.WriteError(w, r, log, signaling.ErrMethod.Errorf("%s is not allowed here: use GET", r.Method))
			return
		}
		noSuchPath(w, r, log)
	})
}

func noSuchPath(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	signaling.WriteError(w, r, log, &signaling.Error{
		Kind:    signaling.ErrNotFound,
		Message: fmt.Sprintf("there is nothing at %.80q", r.URL.Path),
		Hint:    "there are /v1/sessions, /v1/languages, /whip/{session} and /whep/{session}/{lang}; the page is at /",
	})
}

// health answers 200 as long as the server answers at all.
func health(version string, start time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		// The client may be gone; there is nobody to tell.
		_ = json.NewEncoder(w).Encode(map[string]any{
			"status":   "ok",
			"version":  version,
			"uptime_s": int(time.Since(start).Seconds()),
		})
	})
}
