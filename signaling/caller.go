package signaling

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"livedub/inference"
	"livedub/signaling/access"
)

// Caller is who a request comes from, as far as that gives rights.
type Caller struct {
	access   *Access
	addr     netip.Addr
	foreign  bool   // a page of another origin sent it, or had the browser send it
	page     bool   // a page of this server's own did
	operator bool   // by token, by the admin listener, or by asking from this machine in open mode
	open     bool   // it comes from this machine, and that counts
	bearer   string // what came as Authorization: Bearer; "" for nothing
	token    string // a capability, still to be checked; "" for none
	inPath   bool   // where it was
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

// Bearer returns what the caller bears, as it came: no capability of a session need it be.
func (c *Caller) Bearer() string { return c.bearer }

// MayCreate tells whether the caller may create sessions, and say that the
// speaker has consented: the operator, and the server's own page.
func (c *Caller) MayCreate() bool { return c.operator || c.page }

// MayName tells whether the caller may create a session by naming it at a WHIP
// or websocket endpoint: the operator, and the server's own page on this machine.
func (c *Caller) MayName() bool { return c.operator || c.page && c.open }

// Grant returns what the caller may do in a session.
func (c *Caller) Grant(i Info) Grant {
	if c.operator {
		return c.Made(i)
	}
	g := Grant{caller: c, epoch: i.Epoch}
	got, err := c.access.cfg.Key.Check(i.Epoch, c.token, time.Now())
	if err == nil {
		g.has, g.token = got, c.token
	}
	if g.Control() {
		g.has.Expires = c.access.expiry() // who uses it keeps it
	}
	return g
}

// Made returns the grant of a caller who has just created the session.
func (c *Caller) Made(i Info) Grant {
	return Grant{caller: c, epoch: i.Epoch, has: access.Capability{Role: access.Control, Expires: c.access.expiry()}}
}

// Grant is what a caller may do in one session. The zero Grant is nothing.
type Grant struct {
	caller *Caller
	epoch  string
	has    access.Capability
	token  string // that gave it; "" where none did
}

// Control tells whether the session may be changed and ended, and looked at whole.
func (g Grant) Control() bool { return g.has.Role == access.Control }

// Publish tells whether the caller may be the speaker.
func (g Grant) Publish() bool { return g.Control() || g.has.Role == access.Publish }

// Watch tells whether the caller may see, hear and read a language.
func (g Grant) Watch(l inference.Lang) bool {
	return g.Control() || g.has.Role == access.Watch && (g.has.Lang == "" || g.has.Lang == string(l))
}

// Look tells whether the caller may see how the session does: as a watcher at least.
func (g Grant) Look() bool { return g.Control() || g.has.Role == access.Watch }

// Any tells whether there is any right at all.
func (g Grant) Any() bool { return g.has.Role != "" }

// Brought returns the capability that gave the grant, "" where none did.
func (g Grant) Brought() string { return g.token }

// InPath returns the capability that gave the grant if it came in the path.
func (g Grant) InPath() string {
	if g.token == "" || !g.caller.inPath {
		return ""
	}
	return g.token
}

// Token returns a capability for the session that the caller may have or hand
// on: control makes all anew, with their full time; any other has itself alone.
// It is "" for one beyond the caller's right.
func (g Grant) Token(role access.Role, lang inference.Lang) string {
	switch {
	case !g.Control() && role == g.has.Role && string(lang) == g.has.Lang:
		return g.token
	case !g.Control():
		return ""
	}
	return g.caller.access.cfg.Key.Mint(g.epoch, access.Capability{Role: role, Lang: string(lang), Expires: g.has.Expires})
}
