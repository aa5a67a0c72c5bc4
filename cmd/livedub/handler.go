package main

import (
	"encoding/json"
	"net/http"
	"time"

	"livedub/web"
)

// handler is the server's doors: the page, its health and its metrics.
func handler(version string, metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /healthz", health(version, time.Now()))
	mux.Handle("GET /", web.Handler())
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
