package signaling

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzQueryRequest: whatever an address asks for, what passes Check is well formed.
func FuzzQueryRequest(f *testing.F) {
	f.Add("from=en&to=es,ca&to=gl&delay_ms=4000&consent=1&badge=false&profile=live")
	f.Add("from=en&to=%ff&delay_ms=1e9&consent=maybe")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := QueryRequest("x", q)
		if err != nil || r.Check() != nil {
			return
		}
		if len(r.To) == 0 || len(r.To) > maxTargets {
			t.Errorf("%d languages passed", len(r.To))
		}
		for _, l := range r.To {
			if !wellFormed(l) {
				t.Errorf("language %q passed", l)
			}
		}
	})
}

// FuzzBaseURL: no header of a client's makes an address that is no URL.
func FuzzBaseURL(f *testing.F) {
	f.Add("localhost:8080", "https", "live.example", "/dub", "127.0.0.1:5")
	f.Add("a\" b", "javascript", "x/../y", "//", "192.0.2.1:5")
	f.Fuzz(func(t *testing.T, host, proto, forwardedHost, prefix, from string) {
		r := &http.Request{Host: host, RemoteAddr: from, URL: &url.URL{Path: "/"}, Header: http.Header{
			"X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {forwardedHost}, "X-Forwarded-Prefix": {prefix},
		}}
		base := BaseURL(r)
		if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
			t.Errorf("base %q", base)
		}
	})
}
