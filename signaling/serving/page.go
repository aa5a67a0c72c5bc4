package serving

import (
	"fmt"
	"log/slog"
	"net/http"

	"livedub/signaling"
	"livedub/web"
)

// Page serves the page's files, and tells programs in JSON what is none of them.
func Page(log *slog.Logger) http.Handler {
	files := web.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !web.Has(r.URL.Path):
			NoSuchPath(w, r, log)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			NoSuchMethod(w, r, log)
		default:
			files.ServeHTTP(w, r)
		}
	})
}

// NoSuchPath answers for a path at which there is nothing.
func NoSuchPath(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	signaling.WriteError(w, r, log, &signaling.Error{
		Kind:    signaling.ErrNotFound,
		Message: fmt.Sprintf("there is nothing at %.80q", r.URL.Path),
		Hint:    "there are /v1/sessions, /v1/recordings, /v1/languages, /whip/{session}, /whep/{session}/{lang} and /ws; the page is at /",
	})
}

// NoSuchMethod answers for a method other than GET at a path that has nothing else.
func NoSuchMethod(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	w.Header().Set("Allow", "GET, HEAD")
	signaling.WriteError(w, r, log, signaling.ErrMethod.Errorf("%s is not allowed here: use GET", r.Method))
}
