package serving

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"livedub/signaling"
)

// Insides are health and readiness for load balancers, metrics and profiles for
// the operator. ready tells whether new sessions are wanted here.
func Insides(version string, metrics http.Handler, ready func() bool, log *slog.Logger) *http.ServeMux {
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
