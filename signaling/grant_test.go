package signaling

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/signaling/access"
)

// signedBy gives claims to tokens, and has a list of revoked ones.
type signedBy struct {
	mu      sync.Mutex
	claims  map[string]access.Claims
	gone    []string
	watches []func()
}

func (s *signedBy) Check(token string) (access.Claims, error) {
	c, ok := s.claims[token]
	switch {
	case !ok:
		return access.Claims{}, access.ErrInvalid
	case !time.Now().Before(c.Expires):
		return access.Claims{}, access.ErrExpired
	}
	return c, nil
}

func (s *signedBy) Has(ids ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(s.gone, id) })
}

func (s *signedBy) Watch(ids []string, fn func()) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches = append(s.watches, func() {
		if s.Has(ids...) {
			fn()
		}
	})
	return func() {}
}

func (s *signedBy) revoke(id string) {
	s.mu.Lock()
	s.gone = append(s.gone, id)
	all := slices.Clone(s.watches)
	s.mu.Unlock()
	for _, w := range all {
		w()
	}
}

// newSigned returns rules that take tokens of these names: "eyJ.NAME.sig".
func newSigned(t *testing.T, lasts time.Duration, grants map[string][]string) (*Access, access.Key, *signedBy) {
	t.Helper()
	s := &signedBy{claims: map[string]access.Claims{}}
	for name, g := range grants {
		session, _, _ := strings.Cut(name, "-")
		c, err := access.Claim(strings.Replace(session, "any", "*", 1), g, time.Now().Add(lasts))
		if err != nil {
			t.Fatal(err)
		}
		c.ID, c.Text = access.ID(name), access.ID("text of "+name)
		s.claims["eyJ."+name+".sig"] = c
	}
	a, key := rules(func(c *AccessConfig) { c.Tokens, c.Revoked = s, s })
	return a, key, s
}

// by asks as a page of another origin that bears a token.
func by(a *Access, token string) *Caller {
	_, came := through(a.Guard, request("Host", "live.example", "Origin", "https://elsewhere.example", "Authorization", "Bearer "+token))
	return From(came)
}

// TestSignedGrants: a signed token gives the same rights as a capability, in the
// session of that name whenever it is.
func TestSignedGrants(t *testing.T) {
	a, key, _ := newSigned(t, time.Hour, map[string][]string{
		"talk-control": {"control"}, "talk-publish": {"publish"}, "talk-watch": {"watch"}, "talk-es": {"watch:es"}, "talk-both": {"publish", "watch:es"},
		"talk-create": {"create"}, "any-create": {"create"}, "any-watch": {"watch"}, "other-control": {"control"},
	})
	type rights struct{ control, publish, es, ca, look, name, create bool }
	for name, want := range map[string]rights{
		"talk-control": {true, true, true, true, true, false, false}, "talk-publish": {publish: true}, "talk-watch": {es: true, ca: true, look: true},
		"talk-es": {es: true, look: true}, "talk-both": {publish: true, es: true, look: true}, "talk-create": {name: true}, "any-create": {name: true, create: true},
		"any-watch": {es: true, ca: true, look: true}, "other-control": {}, "nobody": {},
	} {
		for _, epoch := range []string{"e1", "e2"} {
			who := by(a, "eyJ."+name+".sig")
			g := who.Grant(Info{ID: "talk", Epoch: epoch})
			if got := (rights{g.Control(), g.Publish(), g.Watch("es"), g.Watch("ca"), g.Look(), who.MayName("talk"), who.MayCreate()}); got != want {
				t.Errorf("%s: %+v", name, got)
			}
			if who.Operator() || who.Here() || who.Grant(Info{Epoch: epoch}).Any() { // a recording has no name
				t.Errorf("%s has more than it says", name)
			}
			for _, role := range []access.Role{access.Control, access.Publish, access.Watch} {
				token := g.Token(role, "")
				if (token != "") != (want.control || name == "talk-"+string(role) || name == "any-"+string(role) || name == "talk-both" && role == access.Publish) {
					t.Errorf("%s hands out %s: %q", name, role, token)
				}
				if !want.control {
					continue
				}
				c, err := key.Check(epoch, token, time.Now())
				if err != nil || c.Parent != access.ID(name) || time.Until(c.Expires) > time.Hour {
					t.Errorf("%s hands out %s: %+v, %v", name, role, c, err)
				}
			}
		}
	}
}

// TestDerived: what the bearer of a signed token hands out ends with that token, and
// its use does not renew it.
func TestDerived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, s := newSigned(t, 10*time.Minute, map[string][]string{"talk-control": {"control"}, "talk-create": {"create"}})
		info := Info{ID: "talk", Epoch: "e1"}
		for _, give := range []Grant{by(a, "eyJ.talk-control.sig").Grant(info), by(a, "eyJ.talk-create.sig").Made(info)} {
			handed := give.Token(access.Control, "")
			for range 3 {
				g := by(a, handed).Grant(info)
				if !g.Control() {
					t.Fatal("it gives nothing")
				}
				handed = g.Token(access.Control, "")
			}
			watch := by(a, handed).Grant(info).Token(access.Watch, "es")
			bound, stop := by(a, watch).Grant(info).Bound(t.Context())
			defer stop()
			if !by(a, watch).Grant(info).Watch("es") || bound.Err() != nil {
				t.Error("it gives nothing")
			}
			if give.caller.claims.Create {
				time.Sleep(11 * time.Minute)
				if by(a, watch).Grant(info).Any() || by(a, handed).Grant(info).Any() || Ended(bound) != "the token has expired" {
					t.Errorf("it outlives the token: %v", context.Cause(bound))
				}
				continue
			}
			s.revoke(give.caller.claims.ID)
			if by(a, watch).Grant(info).Any() || by(a, handed).Grant(info).Any() || Ended(bound) != "the token was revoked" {
				t.Errorf("it outlives the token that was revoked: %v", context.Cause(bound))
			}
		}
	})
}

// TestGrantEnds: every grant by a token ends with that, and one without a token does not.
func TestGrantEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, key, s := newSigned(t, time.Minute, map[string][]string{"talk-watch": {"watch"}})
		info := Info{ID: "talk", Epoch: "e1"}
		token := key.Mint("e1", access.Capability{Role: access.Control, Expires: time.Now().Add(time.Minute)})
		_, came := through(a.Guard, request("Host", "live.example", "Authorization", "Bearer "+operatorToken))
		ever, stop := From(came).Grant(info).Bound(t.Context())
		defer stop()
		var all []context.Context
		for _, g := range []Grant{by(a, token).Grant(info), by(a, "eyJ.talk-watch.sig").Grant(info)} {
			bound, stop := g.Bound(t.Context())
			defer stop()
			all = append(all, bound)
		}
		time.Sleep(59 * time.Second)
		for i, b := range all {
			if b.Err() != nil {
				t.Errorf("%d: ended too soon", i)
			}
		}
		time.Sleep(2 * time.Second)
		for i, b := range all {
			if !errors.Is(context.Cause(b), access.ErrExpired) {
				t.Errorf("%d: %v", i, context.Cause(b))
			}
		}
		time.Sleep(100 * time.Hour)
		if ever.Err() != nil {
			t.Error("the operator was let go")
		}
		token = key.Mint("e1", access.Capability{Role: access.Watch, Lang: "es", Expires: time.Now().Add(time.Minute)})
		bound, stop := by(a, token).Grant(info).Bound(t.Context())
		defer stop()
		s.revoke(access.ID(token))
		if Ended(bound) == "" || by(a, token).Grant(info).Any() {
			t.Error("a capability that was revoked counts")
		}
		// What is stopped ends without a word.
		done, stop := From(came).Grant(info).Bound(t.Context())
		stop()
		if done.Err() == nil || Ended(done) != "" {
			t.Errorf("%v %q", done.Err(), Ended(done))
		}
	})
}

// TestRefusedTokensAreNotLogged: the log says why, and nothing of the token.
func TestRefusedTokensAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	a, _, s := newSigned(t, time.Hour, map[string][]string{"talk-watch": {"watch"}})
	a.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.revoke(access.ID("text of talk-watch"))
	for _, token := range []string{"eyJ.nobody.sig", "eyJ.talk-watch.sig"} {
		if by(a, token).Grant(Info{ID: "talk", Epoch: "e"}).Any() {
			t.Errorf("%s counts", token)
		}
	}
	for _, want := range []string{"not valid here", "revoked"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	for _, secret := range []string{"eyJ", "nobody", "sig"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log says %q", secret)
		}
	}
	r := request("Host", "live.example")
	r.URL.Path, r.Method = "/whep/talk~eyJ.talk-watch.sig/"+string(inference.Lang("es")), http.MethodPost
	if _, came := through(a.Guard, r); strings.Contains(came.URL.Path, "eyJ") {
		t.Errorf("endpoints see the token in %s", came.URL.Path)
	}
}
