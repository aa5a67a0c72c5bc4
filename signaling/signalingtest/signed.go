package signalingtest

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"livedub/signaling"
	"livedub/signaling/tokens"
)

var (
	secret   = []byte(rand.Text() + rand.Text())
	verifier = func() *tokens.Verifier {
		v, err := tokens.Open(context.Background(), tokens.Config{Secret: secret})
		if err != nil {
			panic(err)
		}
		return v
	}()
	gone revocations
)

// Tokens checks what Signed returns.
func Tokens() signaling.Tokens { return verifier }

// Signed returns a signed token (JWT) for sessions of that name, that a rig takes.
func Signed(session string, lasts time.Duration, grants ...string) string {
	token, err := tokens.Sign(secret, tokens.Wish{Subject: "somebody", Session: session, Grants: grants, For: lasts}, time.Now())
	if err != nil {
		panic(err)
	}
	return token
}

// Revoke has a token that Signed returned count no more.
func Revoke(token string) {
	c, err := verifier.Check(token)
	if err != nil {
		panic(err)
	}
	gone.add(c.ID)
}

// revocations are those of all rigs; watchers are told at once.
type revocations struct {
	mu      sync.Mutex
	ids     []string
	watches map[*watch]bool
}

type watch struct {
	ids []string
	fn  func()
}

func (r *revocations) add(id string) {
	r.mu.Lock()
	r.ids = append(r.ids, id)
	var told []func()
	for w := range r.watches {
		if slices.Contains(w.ids, id) {
			told = append(told, w.fn)
		}
	}
	r.mu.Unlock()
	for _, fn := range told {
		fn()
	}
}

func (r *revocations) Has(ids ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(r.ids, id) })
}

func (r *revocations) Watch(ids []string, fn func()) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := &watch{ids, fn}
	if r.watches == nil {
		r.watches = map[*watch]bool{}
	}
	r.watches[w] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watches, w)
	}
}
