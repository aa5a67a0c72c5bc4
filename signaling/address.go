package signaling

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

var (
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9._\-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)
	prefixForm = regexp.MustCompile(`^(/[A-Za-z0-9_~\-][A-Za-z0-9._~\-]*)+$`)
)

// BaseURL returns where the client reached the server, without a slash at the
// end: from X-Forwarded-Proto, -Host and -Prefix where a proxy set them, else
// from the request. Values of another form than theirs are ignored.
func BaseURL(r *http.Request) string {
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	if p := strings.ToLower(forwarded(r, "X-Forwarded-Proto")); p == "http" || p == "https" {
		proto = p
	}
	host := askedHost(r)
	if !wellFormedHost(host) {
		host = "localhost"
		if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = a.String()
		}
	}
	return proto + "://" + host + Prefix(r)
}

// Prefix returns the path under which a proxy serves us, "" for the root.
func Prefix(r *http.Request) string {
	p := strings.TrimSuffix(forwarded(r, "X-Forwarded-Prefix"), "/")
	if len(p) > 256 || !prefixForm.MatchString(p) {
		return ""
	}
	return p
}

// askedHost returns the name that the client asked by: the proxy's, where one says so and is believed.
func askedHost(r *http.Request) string {
	if h := forwarded(r, "X-Forwarded-Host"); wellFormedHost(h) {
		return h
	}
	return r.Host
}

func wellFormedHost(h string) bool { return len(h) <= 255 && hostForm.MatchString(h) }

// forwarded returns the first value of a header that proxies append to: the one
// nearest to the client. Only a proxy that is believed may say so.
func forwarded(r *http.Request, name string) string {
	if !believed(r) {
		return ""
	}
	v, _, _ := strings.Cut(r.Header.Get(name), ",")
	return strings.TrimSpace(v)
}

// believed tells whether what r says about the client may be taken for a
// proxy's word: it came from one that the front knows, or, where no front
// stands, from this machine.
func believed(r *http.Request) bool {
	if c, ok := r.Context().Value(cameKey{}).(came); ok {
		return c.proxied
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// client returns the address that a request came from: behind a proxy on this
// machine, the one that the proxy names.
func client(r *http.Request) netip.Addr {
	if a := clientOf(r.Context()); a.IsValid() {
		return a
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap()
	if !addr.IsLoopback() {
		return addr
	}
	via := strings.Join(r.Header.Values("X-Forwarded-For"), ",") // some proxies append a line of their own
	last := strings.TrimSpace(via[strings.LastIndexByte(via, ',')+1:])
	if a, err := netip.ParseAddr(last); err == nil {
		return a.Unmap()
	}
	return addr
}

// Loopback tells whether a request comes from this very machine and means it:
// not through a proxy, and not by a foreign name that was made to point here
// (DNS rebinding). It is the default rule for opening sessions unasked. A proxy
// on this machine that says neither for whom it asks nor the name it was asked
// by looks the same: docs/OPERATIONS.md has the lines that it needs.
func Loopback(r *http.Request) bool {
	if len(r.Header.Values("X-Forwarded-For")) > 0 || len(r.Header.Values("Forwarded")) > 0 || !client(r).IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
