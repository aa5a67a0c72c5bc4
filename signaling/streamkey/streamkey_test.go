package streamkey

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/signaling/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func studio() Spec {
	return Spec{Name: "studio", From: "en", To: []inference.Lang{"es", "ca"}, Consent: true, Profile: "live", Delay: new(4 * time.Second)}
}

func follow(t *testing.T, s ledger.Store) *Keys {
	t.Helper()
	f, err := ledger.Follow(t.Context(), s, ledger.Keys, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return NewKeys(f)
}

// find waits until a key is found, or is not.
func find(t *testing.T, k *Keys, key string, want bool) Spec {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		s, ok, err := k.Find(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if ok == want {
			return s
		}
		if time.Now().After(until) {
			t.Fatalf("found: %v", ok)
		}
	}
}

// TestKeys: a key is made, found, replaced and removed; on disk is no secret.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	store := ledger.NewFile(dir)
	k := follow(t, store)
	key, err := Create(t.Context(), store, studio())
	if err != nil || len(key) > maxKey || !strings.HasPrefix(key, "ldk_") {
		t.Fatalf("%d characters, %v", len(key), err)
	}
	got := find(t, k, key, true)
	r := got.Request()
	if r.ID != "studio" || r.From != "en" || len(r.To) != 2 || !r.Consent || r.Profile != "live" || *r.DelayMS != 4000 {
		t.Errorf("%+v", r)
	}
	if _, err := Create(t.Context(), store, studio()); !errors.Is(err, ErrExists) {
		t.Errorf("the same name again: %v", err)
	}
	for _, wrong := range []string{"", "ldk_", "studio", key[:len(key)-1], key + "x", key[:len(key)-2] + "__", strings.ToUpper(key), strings.Repeat("a", 1<<20), got.hash, "ldk_" + got.hash} {
		if _, ok, err := k.Find(t.Context(), wrong); ok || err != nil {
			t.Errorf("%.60q is found: %v", wrong, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil || strings.Contains(string(data), key) || strings.Contains(string(data), key[4:]) {
		t.Errorf("the file holds the key, or cannot be read: %v", err)
	}

	bound, stop := k.Bound(t.Context(), got)
	defer stop()
	second, err := Rotate(t.Context(), store, "studio")
	if err != nil {
		t.Fatal(err)
	}
	ended(t, bound)
	find(t, k, key, false)
	bound, stop = k.Bound(t.Context(), find(t, k, second, true))
	defer stop()
	if err := bound.Err(); err != nil {
		t.Fatalf("it has ended before the key: %v", err)
	}
	if err := Remove(t.Context(), store, "studio"); err != nil {
		t.Fatal(err)
	}
	ended(t, bound)
	find(t, k, second, false)
	if err := Remove(t.Context(), store, "studio"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := Rotate(t.Context(), store, "studio"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func ended(t *testing.T, bound context.Context) {
	t.Helper()
	select {
	case <-bound.Done():
		if !errors.Is(context.Cause(bound), ErrRemoved) {
			t.Errorf("ended by %v", context.Cause(bound))
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the publisher goes on")
	}
}

// TestBad: what no session can be is refused, and entries that cannot be read are left out.
func TestBad(t *testing.T) {
	store := ledger.NewFile(t.TempDir())
	for _, change := range []func(*Spec){
		func(s *Spec) { s.Name = "" },
		func(s *Spec) { s.Name = "a/b" },
		func(s *Spec) { s.Name = strings.Repeat("a", 65) },
		func(s *Spec) { s.From = "" },
		func(s *Spec) { s.To = nil },
		func(s *Spec) { s.To = []inference.Lang{"../x"} },
		func(s *Spec) { s.Profile = "fast" },
		func(s *Spec) { s.Delay = new(-time.Second) },
	} {
		s := studio()
		change(&s)
		if _, err := Create(t.Context(), store, s); err == nil {
			t.Errorf("kept: %+v", s)
		}
	}
	for name, value := range map[string]string{"a": "{", "b": "{}", "c": `{"sha256":"00","from":"en","to":["es"]}`} {
		if _, err := store.Put(t.Context(), ledger.Keys, name, []byte(value), false); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := List(t.Context(), store); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
