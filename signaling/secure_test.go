package signaling

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSecure: every answer has the headers, a page its own policy, and HSTS is told by TLS alone.
func TestSecure(t *testing.T) {
	h := Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		}
		if r.URL.Path == "/forwarded" {
			node := http.Header{"X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"default-src 'none'"}}
			Yield(w.Header(), node)
			for name, all := range node {
				for _, v := range all {
					w.Header().Add(name, v)
				}
			}
		}
		WriteError(w, r, nil, Nothing())
	}))
	for _, path := range []string{"/", "/page", "/forwarded"} {
		for _, secure := range []bool{false, true} {
			r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
			if secure {
				r.TLS = &tls.ConnectionState{}
			}
			h.ServeHTTP(w, r)
			got := w.Header()
			for name := range secured {
				if len(got.Values(name)) != 1 {
					t.Errorf("%s: %s: %q", path, name, got.Values(name))
				}
			}
			if p := got.Get("Content-Security-Policy"); strings.HasPrefix(p, "default-src 'self'") != (path == "/page") {
				t.Errorf("%s: %s", path, p)
			}
			if (got.Get("Strict-Transport-Security") != "") != secure {
				t.Errorf("TLS %v: %q", secure, got.Get("Strict-Transport-Security"))
			}
		}
	}
}
