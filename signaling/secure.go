package signaling

import "net/http"

// secured are headers of every answer. The page's own handler sets a policy of its own.
var secured = map[string]string{
	"Content-Security-Policy":    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":     "nosniff",
	"Referrer-Policy":            "no-referrer", // capabilities stand in addresses
	"Permissions-Policy":         "camera=(), microphone=(), display-capture=(), geolocation=()",
	"Cross-Origin-Opener-Policy": "same-origin",
}

// hsts has browsers come by TLS only, for a year.
const hsts = "max-age=31536000"

// Secure returns h with headers that keep browsers from doing with an answer what it is
// not meant for, on each of them. Where the client came by TLS, it is told to do so again.
func Secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range secured {
			w.Header().Set(name, value)
		}
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", hsts)
		}
		h.ServeHTTP(w, r)
	})
}

// Yield takes those of Secure's headers out of own that a forwarded answer brings itself.
func Yield(own, forwarded http.Header) {
	for name := range secured {
		if forwarded.Get(name) != "" {
			own.Del(name)
		}
	}
}
