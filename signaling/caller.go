package signaling

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"livedub/signaling/access"
)

// Caller is who a request comes from, as far as that gives rights.
type Caller struct {
	access   *Access
	addr     netip.Addr
	foreign  bool          // a page of another origin sent it, or had the browser send it
	page     bool          // a page of this server's own did
	operator bool          // by token, by the admin listener, or by asking from this machine in open mode
	open     bool          // it comes from this machine, and that counts
	bearer   string        // what came as Authorization: Bearer; "" for nothing
	token    string        // a capability, still to be checked, or a signed token; "" for none
	inPath   bool          // where it was
	claims   access.Claims // of a signed token that counts now
	keyed    bool          // by a stream key, which gives the operator's rights in its own session alone
}

type callerKey struct{}

// From returns who a request comes from. One that did not come through
// Access.Guard has no rights at all.
func From(r *http.Request) *Caller {
	if c, ok := r.Context().Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{access: NewAccess(AccessConfig{}), foreign: foreign(r)}
}

// caller looks at who sent r, which bears a capability or "".
func (a *Access) caller(r *http.Request, token string, admin bool) *Caller {
	c := &Caller{access: a, addr: client(r), foreign: foreign(r), token: token, inPath: token != ""}
	browser := len(r.Header.Values("Origin")) > 0 || len(r.Header.Values("Sec-Fetch-Site")) > 0
	c.page = browser && !c.foreign
	c.open = a.cfg.Open && Loopback(r)
	if p, ok := PassOf(r.Context()); ok {
		c.open, c.operator = p.Open, p.Operator
	}
	if bearer, ok := bearer(r); ok {
		c.bearer = bearer
		if a.isOperator(bearer) {
			c.operator = true
		} else if token == "" {
			c.token = bearer
		}
	}
	if admin && !c.foreign || c.open && !browser {
		c.operator = true
	}
	c.claims = a.claims(c.token)
	return c
}

// foreign tells whether a page of another origin is behind r. Browsers name the
// origin with what a script sends, and all but old ones whether anything that
// they send was brought about by another site.
func foreign(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, askedHost(r)) {
			return true
		}
	}
	return false
}

func bearer(r *http.Request) (string, bool) {
	kind, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(kind, "Bearer") && token != ""
}

func (a *Access) isOperator(token string) bool {
	if a.cfg.OperatorToken == "" {
		return false
	}
	given, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.cfg.OperatorToken))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

// Open tells whether the caller is on this machine, and that counts.
func (c *Caller) Open() bool { return c.open }

// Address returns where the caller is; invalid where that is not known.
func (c *Caller) Address() netip.Addr { return c.addr }

// Operator tells whether the caller may do everything.
func (c *Caller) Operator() bool { return c.operator }

// Here tells whether the caller is the operator, or uses the server's own page on this machine.
func (c *Caller) Here() bool { return c.operator || c.page && c.open }

// Bearer returns what the caller bears, as it came: no capability of a session need it be.
func (c *Caller) Bearer() string { return c.bearer }

// Signed returns the name of the session in which a signed token gives the caller rights,
// access.AnySession for all; "" where none does, or the caller has more.
func (c *Caller) Signed() string {
	if c.operator {
		return ""
	}
	return c.claims.Session
}

// MayCreate tells whether the caller may create sessions, and say that the
// speaker has consented: the operator, the server's own page, and who bears a
// token for all sessions that says so.
func (c *Caller) MayCreate() bool {
	return c.operator || c.page || c.claims.Create && c.claims.Session == access.AnySession
}

// MayName tells whether the caller may create a session by naming it at a WHIP
// or websocket endpoint: who is Here, and who bears a token for that name that says so.
func (c *Caller) MayName(session string) bool {
	return c.Here() || c.claims.Create && c.claims.In(session)
}
