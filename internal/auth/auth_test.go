package auth

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/internal/config"
	"livedub/signaling/access"
	"livedub/signaling/ledger"
	"livedub/signaling/streamkey"
	"livedub/signaling/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// TestOpen: by settings that say nothing, a server takes what a command of the same user
// makes, and no other key's.
func TestOpen(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	c, key := config.Default().Auth, access.RandomKey()
	a, err := Open(t.Context(), c, nil, key, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	store, err := Store(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := streamkey.Create(t.Context(), store, streamkey.Spec{Name: "studio", From: "en", To: []inference.Lang{"es"}})
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if s, ok, err := a.Keys.Find(t.Context(), text); ok && err == nil && s.Name == "studio" {
			break
		}
		if time.Now().After(until) {
			t.Fatal("the key is never found")
		}
	}
	for _, k := range []access.Key{key, access.RandomKey()} {
		secret, err := Secret(c, k)
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens.Sign(secret, tokens.Wish{Subject: "me", Session: "x", Grants: []string{"watch"}, For: time.Hour}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Tokens.Check(token); (err == nil) != bytes.Equal(k.Derive(""), key.Derive("")) {
			t.Errorf("%v", err)
		}
	}
}

// TestSettings: what cannot be is refused at the start, by the setting's name, without repeating a secret.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STATE_DIRECTORY", dir)
	short, damaged := filepath.Join(dir, "short"), filepath.Join(dir, "damaged")
	if err := os.WriteFile(short, []byte("hush-hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, ledger.Revoked+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]config.Auth{
		"auth.jwt_secret and auth.jwt_secret_file are both set": {JWTSecret: "s", JWTSecretFile: "f"},
		"auth.jwt_secret_file: open":                            {JWTSecretFile: filepath.Join(dir, "none")},
		"at least 32 are needed":                                {JWTSecretFile: short},
		"auth.jwt_public_key: open":                             {JWTPublicKey: filepath.Join(dir, "none")},
		"auth.jwt_public_key: tokens: no public key":            {JWTPublicKey: short},
		"auth.jwt_public_key and auth.jwks are both set":        {JWTPublicKey: short, JWKS: short},
		"auth.jwks: tokens: key set":                            {JWKS: short},
		"is damaged":                                            {Dir: damaged},
	} {
		a, err := Open(t.Context(), c, nil, access.RandomKey(), quiet)
		if err == nil {
			a.Close()
			t.Errorf("%s: taken", want)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
