package signaling

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"livedub/inference"
	"livedub/signaling/access"
)

// Grant is what a caller may do in one session. The zero Grant is nothing.
type Grant struct {
	caller  *Caller
	epoch   string
	has     []access.Capability
	token   string    // that gave it; "" where none did
	expires time.Time // of what it hands out
	parent  string    // of what it hands out: see access.Capability
	until   time.Time // when it ends; zero for never
	ids     []string  // it ends when one of them is revoked
}

// Grant returns what the caller may do in a session.
func (c *Caller) Grant(i Info) Grant {
	if c.operator {
		return c.Made(i)
	}
	g := Grant{caller: c, epoch: i.Epoch}
	if c.claims.In(i.ID) {
		g.has, g.token = c.claims.Rights, c.token
		g.byClaims()
		return g
	}
	got, err := c.access.cfg.Key.Check(i.Epoch, c.token, time.Now())
	if err != nil {
		return g
	}
	ids := []string{access.ID(c.token)}
	if got.Parent != "" {
		ids = append(ids, got.Parent)
	}
	if c.access.revoked(ids...) {
		return g
	}
	g.has, g.token, g.until, g.ids = []access.Capability{got}, c.token, got.Expires, ids
	g.expires, g.parent = got.Expires, got.Parent
	if g.Control() && g.parent == "" {
		g.expires = c.access.expiry() // who uses it keeps it
	}
	return g
}

// Made returns the grant of a caller who has just created the session.
func (c *Caller) Made(i Info) Grant {
	g := Grant{caller: c, epoch: i.Epoch, expires: c.access.expiry(), has: []access.Capability{{Role: access.Control}}}
	if !c.operator && !c.page {
		g.byClaims()
	}
	return g
}

// byClaims has a grant end with the signed token that gives it, and what it hands out too.
func (g *Grant) byClaims() {
	c := g.caller.claims
	g.until, g.ids = c.Expires, []string{c.ID, c.Text}
	g.expires, g.parent = c.Expires, c.ID
}

// holds tells whether the grant has one of these roles.
func (g Grant) holds(roles ...access.Role) bool {
	return slices.ContainsFunc(g.has, func(c access.Capability) bool { return slices.Contains(roles, c.Role) })
}

// Control tells whether the session may be changed and ended, and looked at whole.
func (g Grant) Control() bool { return g.holds(access.Control) }

// Publish tells whether the caller may be the speaker.
func (g Grant) Publish() bool { return g.holds(access.Control, access.Publish) }

// Watch tells whether the caller may see, hear and read a language.
func (g Grant) Watch(l inference.Lang) bool {
	return g.Control() || slices.ContainsFunc(g.has, func(c access.Capability) bool {
		return c.Role == access.Watch && (c.Lang == "" || c.Lang == string(l))
	})
}

// Look tells whether the caller may see how the session does: as a watcher at least.
func (g Grant) Look() bool { return g.holds(access.Control, access.Watch) }

// Any tells whether there is any right at all.
func (g Grant) Any() bool { return len(g.has) > 0 }

// Brought returns the token that gave the grant, "" where none did.
func (g Grant) Brought() string { return g.token }

// InPath returns the token that gave the grant if it came in the path.
func (g Grant) InPath() string {
	if g.token == "" || !g.caller.inPath {
		return ""
	}
	return g.token
}

// Token returns a capability for the session that the caller may have or hand
// on: control makes all anew, with their full time, or that of the signed token that
// gives it; any other has itself alone. It is "" for one beyond the caller's right.
func (g Grant) Token(role access.Role, lang inference.Lang) string {
	if g.Control() {
		return g.caller.access.cfg.Key.Mint(g.epoch, access.Capability{Role: role, Lang: string(lang), Expires: g.expires, Parent: g.parent})
	}
	if slices.ContainsFunc(g.has, func(c access.Capability) bool { return c.Role == role && c.Lang == string(lang) }) {
		return g.token
	}
	return ""
}

// Bound returns a context that ends, within seconds, when the token that gives the
// grant has expired (access.ErrExpired is its cause) or was revoked
// (access.ErrRevoked): whoever carries on by the grant is told and let go then. The
// caller calls stop.
func (g Grant) Bound(ctx context.Context) (bound context.Context, stop context.CancelFunc) {
	bound, cancel := context.WithCancelCause(ctx)
	stop = func() { cancel(nil) }
	if !g.until.IsZero() {
		timed, end := context.WithDeadlineCause(bound, g.until, access.ErrExpired)
		before := stop
		bound, stop = timed, func() { end(); before() }
	}
	if r := g.revocations(); r != nil {
		unwatch := r.Watch(g.ids, func() { cancel(access.ErrRevoked) })
		before := stop
		stop = func() { unwatch(); before() }
	}
	return bound, stop
}

// Ended says why a context of Bound has ended, as its bearer is told: "" where the
// grant holds on.
func Ended(bound context.Context) string {
	switch why := context.Cause(bound); {
	case errors.Is(why, access.ErrExpired):
		return "the token has expired"
	case errors.Is(why, access.ErrRevoked):
		return "the token was revoked"
	}
	return ""
}

func (g Grant) revocations() Revocations {
	if g.caller == nil || len(g.ids) == 0 {
		return nil
	}
	return g.caller.access.cfg.Revoked
}

// role names the roles for a log.
func (g Grant) role() string {
	var all []string
	for _, c := range g.has {
		if !slices.Contains(all, string(c.Role)) {
			all = append(all, string(c.Role))
		}
	}
	return strings.Join(all, " ")
}
