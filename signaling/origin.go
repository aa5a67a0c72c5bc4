package signaling

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// Origins are the web origins whose pages may ask at an endpoint.
type Origins int

const (
	// AnyOrigin lets every page ask, for answers that take a capability: the endpoints
	// read no cookies, so that a page has no more rights than it brings.
	AnyOrigin Origins = iota
	// OwnOrigin lets in pages of the server's own host: for what takes no capability.
	OwnOrigin
)

// methods are those that Route answers itself where a path does not have them.
// One by one, because a pattern without a method would clash with "GET /".
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// Handler answers a request, or returns an error for Route to answer.
type Handler func(http.ResponseWriter, *http.Request) error

// Route registers one path: its methods, OPTIONS with CORS, and 405 for the rest.
// A handler for OPTIONS itself may add headers; it must not answer.
func Route(mux *http.ServeMux, log *slog.Logger, o Origins, path string, by map[string]Handler) {
	allow := []string{http.MethodOptions}
	for _, m := range methods {
		if by[m] != nil && m != http.MethodOptions {
			allow = append(allow, m)
		}
	}
	list := strings.Join(allow, ", ")
	for _, m := range methods {
		mux.HandleFunc(m+" "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := answer(w, r, o, list, by[m]); err != nil {
				WriteError(w, r, log, err)
			}
		})
	}
}

// RouteRest answers for what none of an endpoint's routes below root is: without it
// the mux would, in plain text. hint says what the endpoint has.
func RouteRest(mux *http.ServeMux, log *slog.Logger, o Origins, root, hint string) {
	nothing := func(_ http.ResponseWriter, r *http.Request) error {
		return &Error{Kind: ErrNotFound, Message: fmt.Sprintf("there is nothing at %q", clip(r.URL.Path)), Hint: hint}
	}
	by := map[string]Handler{}
	for _, m := range methods {
		if m != http.MethodOptions {
			by[m] = nothing
		}
	}
	Route(mux, log, o, root, by)
	Route(mux, log, o, root+"/", by)
}

// answer answers one request; handle is nil where the path does not have its method.
func answer(w http.ResponseWriter, r *http.Request, o Origins, allow string, handle Handler) error {
	if o == OwnOrigin && From(r).foreign {
		return Nothing()
	}
	cors(w.Header(), o, r, allow)
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow)
		if handle != nil {
			if err := handle(w, r); err != nil {
				return err
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case handle == nil:
		w.Header().Set("Allow", allow)
		return ErrMethod.Errorf("%s is not allowed here: use %s", r.Method, allow)
	}
	return handle(w, r)
}

func cors(h http.Header, o Origins, r *http.Request, allow string) {
	if o == AnyOrigin {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
		}
	}
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After, Livedub-Fence")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", allow)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Last-Event-ID")
		h.Set("Access-Control-Max-Age", "86400")
	}
}
