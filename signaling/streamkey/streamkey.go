// Package streamkey keeps stream keys: secrets that a broadcaster's encoder is given
// in place of a request, each of which stands for one. A key is kept by its SHA-256
// alone, and shown once.
package streamkey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/ledger"
)

// Spec is what a key stands for.
type Spec struct {
	Name    string // of the key, and of the session that it publishes in
	From    inference.Lang
	To      []inference.Lang
	Consent bool           // the speaker has consented
	Profile string         // "sync", "live"; "" for the server's
	Delay   *time.Duration // nil for the profile's

	Created time.Time
	hash    string // of the key: another one after Rotate
}

// Request returns the request that a publisher by this key makes.
func (s Spec) Request() signaling.Request {
	r := signaling.Request{ID: s.Name, From: s.From, To: s.To, Consent: s.Consent, Profile: s.Profile}
	if s.Delay != nil {
		r.DelayMS = new(int(s.Delay.Milliseconds()))
	}
	return r
}

var (
	// ErrExists is returned where there is a key of that name.
	ErrExists = errors.New("there is a stream key of that name: remove it, rotate it, or take another name")
	// ErrUnknown is returned where there is none.
	ErrUnknown = errors.New("there is no stream key of that name")
	// ErrRemoved ends a publisher whose key was removed or rotated.
	ErrRemoved = errors.New("the stream key was removed or replaced")
)

// prefix lets people, and those who search for leaked secrets, know a key when they see one.
const prefix = "ldk_"

const (
	keyBytes = 32
	maxKey   = 64 // of text; a key has 47
	maxDelay = time.Hour
)

// kept is a Spec as it is kept.
type kept struct {
	SHA256  string           `json:"sha256"`
	From    inference.Lang   `json:"from"`
	To      []inference.Lang `json:"to"`
	Consent bool             `json:"consent,omitempty"`
	Profile string           `json:"profile,omitempty"`
	DelayMS *int64           `json:"delay_ms,omitempty"`
	Created time.Time        `json:"created"`
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func newKey() string {
	b := make([]byte, keyBytes)
	rand.Read(b) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// Check refuses what no session could be.
func (s Spec) Check() error {
	switch {
	case !nameForm(s.Name):
		return fmt.Errorf("name %.80q: letters, digits, '-' and '_', 64 at most", s.Name)
	case s.Profile != "" && s.Profile != "sync" && s.Profile != "live":
		return fmt.Errorf("profile %.20q: sync or live", s.Profile)
	case s.Delay != nil && (*s.Delay < 0 || *s.Delay > maxDelay):
		return fmt.Errorf("delay %v: none to an hour", *s.Delay)
	}
	return s.Request().Check()
}

func nameForm(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// Create keeps a spec and returns its key, which nobody can tell again. It fails with
// ErrExists where there is one of that name.
func Create(ctx context.Context, store ledger.Store, s Spec) (key string, err error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	key = newKey()
	s.Created, s.hash = time.Now().UTC().Truncate(time.Second), hash(key)
	switch ok, err := put(ctx, store, s, false); {
	case err != nil:
		return "", err
	case !ok:
		return "", ErrExists
	}
	return key, nil
}

// Rotate replaces the key of that name by a new one, which it returns; the old one ends.
func Rotate(ctx context.Context, store ledger.Store, name string) (key string, err error) {
	all, err := List(ctx, store)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return "", ErrUnknown
	}
	key = newKey()
	all[i].hash = hash(key)
	_, err = put(ctx, store, all[i], true)
	return key, err
}

func put(ctx context.Context, store ledger.Store, s Spec, replace bool) (bool, error) {
	k := kept{SHA256: s.hash, From: s.From, To: s.To, Consent: s.Consent, Profile: s.Profile, Created: s.Created}
	if s.Delay != nil {
		k.DelayMS = new(s.Delay.Milliseconds())
	}
	data, err := json.Marshal(k)
	if err != nil {
		return false, err
	}
	return store.Put(ctx, ledger.Keys, s.Name, data, replace)
}

// Remove ends a key. It fails with ErrUnknown where there is none of that name.
func Remove(ctx context.Context, store ledger.Store, name string) error {
	was, err := store.Remove(ctx, ledger.Keys, name)
	if err == nil && !was {
		err = ErrUnknown
	}
	return err
}

// List returns what keys there are, by name. Their secrets are not kept.
func List(ctx context.Context, store ledger.Store) ([]Spec, error) {
	all, err := store.All(ctx, ledger.Keys)
	if err != nil {
		return nil, err
	}
	return read(all), nil
}

// read leaves out what it cannot read.
func read(all map[string][]byte) []Spec {
	out := []Spec{}
	for name, data := range all {
		var k kept
		if json.Unmarshal(data, &k) != nil {
			continue
		}
		s := Spec{Name: name, From: k.From, To: k.To, Consent: k.Consent, Profile: k.Profile, Created: k.Created, hash: k.SHA256}
		if k.DelayMS != nil {
			s.Delay = new(time.Duration(*k.DelayMS) * time.Millisecond)
		}
		if len(s.hash) == hex.EncodedLen(sha256.Size) && s.Check() == nil {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Keys finds what keys stand for, at a server.
type Keys struct{ follow *ledger.Follower }

// NewKeys returns the keys that f, which follows ledger.Keys, knows.
func NewKeys(f *ledger.Follower) *Keys { return &Keys{f} }

// Find returns what a key stands for, false for one that nobody was given. How long
// it takes does not depend on how much of a key is right. It fails where the keys
// cannot be read.
func (k *Keys) Find(ctx context.Context, key string) (Spec, bool, error) {
	if !strings.HasPrefix(key, prefix) || len(key) > maxKey {
		return Spec{}, false, nil
	}
	all, err := k.follow.Now(ctx)
	if err != nil {
		return Spec{}, false, err
	}
	given, found, is := []byte(hash(key)), Spec{}, 0
	for _, s := range read(all) {
		if subtle.ConstantTimeCompare(given, []byte(s.hash)) == 1 {
			found, is = s, 1
		}
	}
	return found, is == 1, nil
}

// Bound returns a context that ends, by ErrRemoved as its cause, within seconds after
// the key by which s was found is removed or rotated. The caller calls stop.
func (k *Keys) Bound(ctx context.Context, s Spec) (bound context.Context, stop context.CancelFunc) {
	bound, cancel := context.WithCancelCause(ctx)
	unwatch := k.follow.Watch(func(all map[string][]byte) {
		var now kept
		if json.Unmarshal(all[s.Name], &now) != nil || now.SHA256 != s.hash {
			cancel(ErrRemoved)
		}
	})
	return bound, func() {
		unwatch()
		cancel(nil)
	}
}
