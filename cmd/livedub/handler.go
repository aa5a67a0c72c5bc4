package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"livedub/signaling"
	"livedub/web"
)

// handler is what the server answers beside the sessions' endpoints: the page, and
// to the operator its insides.
func handler(inside http.Handler, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /", page(log))
	mux.Handle("/", nothing(mux, log))
	for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/readyz"} {
		mux.Handle("GET "+path, inside)
	}
	return mux
}

// insides are health and readiness for load balancers, metrics and profiles for
// the operator. ready tells whether new sessions are wanted here.
func insides(version string, metrics http.Handler, ready func() bool, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", health(version, time.Now()))
	mux.Handle("GET /readyz", readiness(ready))
	for path, h := range map[string]http.Handler{
		"/metrics":             metrics,
		"/debug/pprof/":        http.HandlerFunc(pprof.Index),
		"/debug/pprof/cmdline": http.HandlerFunc(pprof.Cmdline),
		"/debug/pprof/profile": http.HandlerFunc(pprof.Profile),
		"/debug/pprof/symbol":  http.HandlerFunc(pprof.Symbol),
		"/debug/pprof/trace":   http.HandlerFunc(pprof.Trace),
	} {
		mux.Handle("GET "+path, signaling.OnlyOperator(h, log))
	}
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

// readiness answers 200 while new sessions are wanted, else 503.
func readiness(ready func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		says := "ready\n"
		if !ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
			says = "leaving\n"
		}
		_, _ = io.WriteString(w, says) // the client may be gone
	})
}
