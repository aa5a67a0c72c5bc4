package main

import (
	"log/slog"
	"net/http"
	"strings"

	"livedub/signaling/serving"
	"livedub/web"
)

// handler is what the server answers beside the sessions' endpoints: the page, and
// to the operator its insides.
func handler(inside http.Handler, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /", serving.Page(log))
	mux.Handle("/", nothing(mux, log))
	for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/readyz"} {
		mux.Handle("GET "+path, inside)
	}
	return mux
}

// nothing answers for the methods that mux has no pattern for.
func nothing(mux *http.ServeMux, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Clone(r.Context())
		get.Method = http.MethodGet
		if _, pattern := mux.Handler(get); pattern != "GET /" && strings.HasPrefix(pattern, "GET ") || web.Has(r.URL.Path) {
			serving.NoSuchMethod(w, r, log)
			return
		}
		serving.NoSuchPath(w, r, log)
	})
}
