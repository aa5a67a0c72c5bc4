// Package auth opens what the settings say of signed tokens, revoked ones and stream
// keys, for nodes, gateways and commands alike.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"livedub/cluster/redis"
	"livedub/internal/config"
	"livedub/signaling/access"
	"livedub/signaling/ledger"
	"livedub/signaling/revoked"
	"livedub/signaling/streamkey"
	"livedub/signaling/tokens"
)

// Auth is open. It is closed by who opened it.
type Auth struct {
	Store   ledger.Store
	Tokens  *tokens.Verifier
	Revoked *revoked.List
	Keys    *streamkey.Keys

	follows []*ledger.Follower
}

// Open opens what a server checks tokens and stream keys by. reg is the cluster's
// record, nil outside of one; key is that of capabilities.
func Open(ctx context.Context, c config.Auth, reg *redis.Registry, key access.Key, log *slog.Logger) (*Auth, error) {
	v, err := Verifier(ctx, c, key, log)
	if err != nil {
		return nil, err
	}
	a := &Auth{Tokens: v}
	if a.Store, err = Store(c, reg); err != nil {
		log.Warn("stream keys and revoked tokens are not kept: set auth.dir", "err", err)
		a.Store = ledger.NewFile("")
	}
	for _, kind := range []string{ledger.Revoked, ledger.Keys} {
		f, err := ledger.Follow(ctx, a.Store, kind, log)
		if err != nil {
			a.Close()
			return nil, fmt.Errorf("stream keys and revoked tokens (auth.dir, or cluster.url): %w", err)
		}
		a.follows = append(a.follows, f)
	}
	a.Revoked, a.Keys = revoked.NewList(a.follows[0]), streamkey.NewKeys(a.follows[1])
	return a, nil
}

// Close ends it, and waits for what it started.
func (a *Auth) Close() {
	for _, f := range a.follows {
		f.Close()
	}
	a.Tokens.Close()
}

// Store returns where stream keys and revoked tokens are kept: in Redis, or in files.
func Store(c config.Auth, reg *redis.Registry) (ledger.Store, error) {
	if reg != nil {
		return reg.Ledger(), nil
	}
	dir := c.Dir
	if dir == "" {
		state, err := access.StateFile()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(filepath.Dir(state), "auth")
	}
	return ledger.NewFile(dir), nil
}

// Verifier returns what checks tokens. The caller closes it.
func Verifier(ctx context.Context, c config.Auth, key access.Key, log *slog.Logger) (*tokens.Verifier, error) {
	secret, err := Secret(c, key)
	if err != nil {
		return nil, err
	}
	if c.JWTPublicKey != "" && c.JWKS != "" {
		return nil, errors.New("auth.jwt_public_key and auth.jwks are both set: keep one")
	}
	v := tokens.Config{Secret: secret, JWKS: c.JWKS, Audience: c.JWTAudience, Issuer: c.JWTIssuer, Leeway: c.JWTLeeway, Log: log}
	if c.JWTPublicKey != "" {
		if v.PublicKey, err = read(c.JWTPublicKey); err != nil {
			return nil, fmt.Errorf("auth.jwt_public_key: %w", err)
		}
	}
	if (c.JWTPublicKey != "" || c.JWKS != "") && c.JWTAudience == "" {
		log.Warn("tokens that the identity provider made for others count here too, where they have grants: set auth.jwt_audience")
	}
	out, err := tokens.Open(ctx, v)
	switch {
	case err == nil:
		return out, nil
	case c.JWKS != "":
		return nil, fmt.Errorf("auth.jwks: %w", err)
	case c.JWTPublicKey != "":
		return nil, fmt.Errorf("auth.jwt_public_key: %w", err)
	}
	return nil, err
}

// Secret returns what tokens of HS256 are signed by: that of the settings, or one made
// of the key of capabilities; nil where there is neither.
func Secret(c config.Auth, key access.Key) ([]byte, error) {
	switch {
	case c.JWTSecret != "" && c.JWTSecretFile != "":
		return nil, errors.New("auth.jwt_secret and auth.jwt_secret_file are both set: keep one")
	case c.JWTSecret != "":
		return []byte(c.JWTSecret), nil
	case c.JWTSecretFile == "":
		return key.Derive("tokens"), nil
	}
	data, err := read(c.JWTSecretFile)
	if err != nil {
		return nil, fmt.Errorf("auth.jwt_secret_file: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if len(secret) < tokens.MinSecret {
		return nil, fmt.Errorf("auth.jwt_secret_file: %s holds %d characters, at least %d are needed: make one with openssl rand -hex 32", c.JWTSecretFile, len(secret), tokens.MinSecret)
	}
	return []byte(secret), nil
}

// maxFile bounds what is read as a key, in bytes.
const maxFile = 64 << 10

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}
