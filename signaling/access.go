package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"livedub/signaling/access"
)

// AccessConfig is by what rules requests are let in.
type AccessConfig struct {
	Key           access.Key
	Lifetime      time.Duration // of capabilities that are handed out
	OperatorToken string        // who bears it may do everything; "" for nobody
	Open          bool          // so may programs on this machine, which no browser is
	Hosts         []string      // names that the server answers to beside its addresses and localhost; "*" for any
	Tokens        Tokens        // checks signed tokens; nil where none count
	Revoked       Revocations   // of tokens and capabilities; nil where none can be
	Log           *slog.Logger  // nil for none
}

// Tokens checks signed tokens.
type Tokens interface {
	// Check returns what a token gives. No error repeats the token.
	Check(token string) (access.Claims, error)
}

// Revocations knows which tokens were revoked, by their IDs.
type Revocations interface {
	// Has tells whether one of them was.
	Has(ids ...string) bool
	// Watch calls fn, from any goroutine, soon after one of them is revoked, until stop is called.
	Watch(ids []string, fn func()) (stop func())
}

// claims returns what a signed token gives now; nothing for a capability.
func (a *Access) claims(token string) access.Claims {
	if a.cfg.Tokens == nil || !access.Signed(token) {
		return access.Claims{}
	}
	c, err := a.cfg.Tokens.Check(token)
	if err == nil && a.revoked(c.ID, c.Text) {
		err = access.ErrRevoked
	}
	if err != nil {
		a.cfg.Log.Debug("token refused", "why", err)
		return access.Claims{}
	}
	return c
}

func (a *Access) revoked(ids ...string) bool {
	return a.cfg.Revoked != nil && a.cfg.Revoked.Has(ids...)
}

// Access tells who may do what, for all endpoints.
type Access struct{ cfg AccessConfig }

// NewAccess returns the rules.
func NewAccess(c AccessConfig) *Access {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Access{c}
}

// expiry returns when a capability made now ends: after its lifetime and up to a
// 24th more, so that addresses stay the same for a while.
func (a *Access) expiry() time.Time {
	step := max(a.cfg.Lifetime/24, time.Second)
	return time.Now().Add(a.cfg.Lifetime).Truncate(step).Add(step)
}

// unguarded are paths that load balancers ask by address, before any rule.
var unguarded = []string{"/healthz", "/readyz"}

// Guard returns h behind the rules: a request by a name that is not the
// server's is refused (421), and capabilities are taken out of the others, from
// their path and Authorization header, before h or a log can see them. From
// tells h who asks.
func (a *Access) Guard(h http.Handler) http.Handler { return a.guard(h, false) }

// GuardAdmin is Guard for a listener that only the operator reaches: whoever asks
// there is the operator, unless a page of another origin does.
func (a *Access) GuardAdmin(h http.Handler) http.Handler { return a.guard(h, true) }

func (a *Access) guard(h http.Handler, admin bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(unguarded, r.URL.Path) {
			h.ServeHTTP(w, r)
			return
		}
		_, vouched := PassOf(r.Context()) // the gateway has looked at the name
		for _, host := range append([]string{r.Host}, forwardedHosts(r)...) {
			if !vouched && !a.serves(host, r) {
				WriteError(w, r, a.cfg.Log, ErrMisdirected.Errorf("this server does not serve %q", clip(host)))
				return
			}
		}
		clean, token := untoken(r)
		clean = clean.WithContext(context.WithValue(r.Context(), callerKey{}, a.caller(r, token, admin)))
		h.ServeHTTP(w, clean)
	})
}

// forwardedHosts returns the name that a proxy was asked by, if one says so and is believed.
func forwardedHosts(r *http.Request) []string {
	if h := forwarded(r, "X-Forwarded-Host"); h != "" {
		return []string{h}
	}
	return nil
}

// serves tells whether a request for host is meant for this server: for
// localhost, the address that it came in at, or a name of the settings. Else a
// page whose name was made to point here could speak to us as its own server
// (DNS rebinding).
func (a *Access) serves(host string, r *http.Request) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if host == "" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	for _, name := range append([]string{"localhost"}, a.cfg.Hosts...) {
		known, kerr := netip.ParseAddr(name)
		if name == "*" || strings.EqualFold(host, name) || err == nil && kerr == nil && known == ip {
			return true
		}
	}
	if err != nil {
		return false
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ip.Unmap().IsLoopback() || local != nil && local.AddrPort().Addr().Unmap() == ip.Unmap()
}

// untoken returns r without the capability in its path or header, and the one of the path.
func untoken(r *http.Request) (clean *http.Request, token string) {
	clean = r.WithContext(r.Context())
	clean.Header = r.Header.Clone()
	clean.Header.Del("Authorization")
	if !strings.Contains(r.URL.Path, "~") {
		return clean, ""
	}
	plain, escaped := strings.Split(r.URL.EscapedPath(), "/"), []string{}
	for i, segment := range plain {
		if s, err := url.PathUnescape(segment); err == nil {
			segment = s
		}
		name, found := access.Cut(segment)
		if token == "" {
			token = found
		}
		plain[i], escaped = name, append(escaped, url.PathEscape(name))
	}
	u := *r.URL
	u.Path, u.RawPath = strings.Join(plain, "/"), strings.Join(escaped, "/")
	clean.URL, clean.RequestURI = &u, u.RequestURI()
	return clean, token
}

// OnlyOperator returns h for the operator alone: nobody else learns that it is there.
func OnlyOperator(h http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !From(r).Operator() {
			WriteError(w, r, log, ErrNotFound.Errorf("nothing is here, or no right to it"))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Nothing is the one answer for what is not there and for what the caller has no
// right to: it does not tell which, and names nothing.
func Nothing() error { return ErrNotFound.Errorf("no such session, or no right to it") }

// Audit logs what a caller did to a session, and from where; never words or
// tokens. What are one word, as "created"; more are pairs for the log.
func (c *Caller) Audit(what string, g Grant, session string, more ...any) {
	role := g.role()
	if g.token == "" {
		role = c.kind()
	}
	c.access.cfg.Log.Info("session "+what, append([]any{"audit", what, "session", session, "role", role, "address", c.addr.String()}, more...)...)
}

// kind says in a word why a caller without a capability has rights.
func (c *Caller) kind() string {
	switch {
	case c.keyed:
		return "stream key"
	case c.operator:
		return "operator"
	case c.page:
		return "page"
	case c.claims.Create:
		return access.CreateGrant
	}
	return "none"
}

// WithToken returns the path of a session behind an endpoint, as "/whip/talk~p.tft6o0.qYbW...":
// with a capability in it, or without for "".
func WithToken(endpoint, session, token string) string {
	return fmt.Sprintf("/%s/%s", endpoint, access.Join(url.PathEscape(session), token))
}
