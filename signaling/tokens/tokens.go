// Package tokens makes and checks signed tokens (JWT): of this server's own making by a
// secret (HS256), or of an identity provider's by its public keys (RS256, ES256).
//
// What signs decides the algorithm, never the token: one that says "none", or HS256
// by what is a public key, is refused. "kid" names a key of the set that the settings
// name, and nothing else; "jku", "jwk", "x5u" and "x5c" are not read.
package tokens

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"livedub/signaling/access"
)

const (
	// MaxToken is the size of the largest token that is read, in bytes.
	MaxToken = 4096
	// MinSecret is how long a secret must be, in bytes.
	MinSecret = 32
	minRSA    = 2048 // bits
	maxRSA    = 8192
	maxKid    = 256
)

// Config is whose tokens count.
type Config struct {
	Secret    []byte // of HS256; nil where such tokens do not count
	PublicKey []byte // PEM of the key of RS256 or ES256; nil for none
	JWKS      string // https address or file of a key set (RFC 7517); "" for none
	Audience  string // "aud" has it; "" is not asked for
	Issuer    string // "iss" is it; "" is not asked for
	Leeway    time.Duration
	Log       *slog.Logger // nil for none

	transport http.RoundTripper // for a key set; nil for the usual one
	again     time.Duration     // before the next request for one; 0 for fetchAgain
}

// Verifier checks tokens. Its methods are safe for concurrent use.
type Verifier struct {
	cfg    Config
	parser *jwt.Parser
	public any     // *rsa.PublicKey, *ecdsa.PublicKey; nil for none
	set    *keySet // nil for none
}

// claims are a token's as they are written.
type claims struct {
	jwt.RegisteredClaims
	Livedub *grants `json:"livedub"`
}

type grants struct {
	Session string   `json:"session"`
	Grant   []string `json:"grant"`
}

// Open returns a verifier. It fails for a key that is none, or too weak; a key set at
// an address that does not answer is asked for again. The caller closes it.
func Open(ctx context.Context, c Config) (*Verifier, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{cfg: c}
	var methods []string
	if c.Secret != nil {
		if len(c.Secret) < MinSecret {
			return nil, fmt.Errorf("tokens: the secret has %d bytes, at least %d are needed", len(c.Secret), MinSecret)
		}
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if c.PublicKey != nil {
		key, err := readPublic(c.PublicKey)
		if err != nil {
			return nil, err
		}
		v.public = key
	}
	if c.PublicKey != nil || c.JWKS != "" {
		methods = append(methods, jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg())
	}
	options := []jwt.ParserOption{jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithLeeway(c.Leeway), jwt.WithStrictDecoding()}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	v.parser = jwt.NewParser(options...)
	if c.JWKS != "" {
		set, err := openSet(ctx, c)
		if err != nil {
			return nil, err
		}
		v.set = set
	}
	return v, nil
}

// Close ends the verifier, and waits for what it started.
func (v *Verifier) Close() {
	if v.set != nil {
		v.set.Close()
	}
}

// readPublic reads a PEM key that is strong enough.
func readPublic(pem []byte) (any, error) {
	if key, err := jwt.ParseRSAPublicKeyFromPEM(pem); err == nil {
		return key, strong(key)
	}
	if key, err := jwt.ParseECPublicKeyFromPEM(pem); err == nil {
		return key, strong(key)
	}
	return nil, errors.New("tokens: no public key in PEM: give an RSA key or one of P-256, as openssl pkey -pubout writes it")
}

// strong refuses keys that are not of RS256 or ES256, or too weak.
func strong(key any) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Errorf("tokens: an RSA key of %d bits: %d to %d count", bits, minRSA, maxRSA)
		}
		return nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return errors.New("tokens: a key of another curve than P-256, which ES256 wants")
		}
		return nil
	}
	return fmt.Errorf("tokens: a key of another kind (%T) than RSA or P-256", key)
}

// key returns what the signature of a token is checked by: by the algorithm, which is
// one of those that count.
func (v *Verifier) key(t *jwt.Token) (any, error) {
	if _, has := t.Header["crit"]; has { // RFC 7515, 4.1.11
		return nil, errors.New("the header says that what is not known here must be (crit)")
	}
	if t.Method == jwt.SigningMethodHS256 {
		return v.cfg.Secret, nil
	}
	key := v.public
	if v.set != nil {
		kid, ok := t.Header["kid"].(string)
		if !ok || kid == "" || len(kid) > maxKid {
			return nil, errors.New("the header names no key (kid)")
		}
		var err error
		if key, err = v.set.key(t); err != nil {
			return nil, err
		}
	}
	if err := strong(key); err != nil {
		return nil, err
	}
	_, isRSA := key.(*rsa.PublicKey)
	if isRSA != (t.Method == jwt.SigningMethodRS256) {
		return nil, errors.New("the algorithm is not the key's")
	}
	return key, nil
}

// Check returns what a token gives. It fails for one that is not signed by a key that
// counts, of another audience or issuer, not valid yet, or without "exp", "sub" or
// grants that are understood; with access.ErrExpired for one whose time is over.
func (v *Verifier) Check(token string) (access.Claims, error) {
	if len(token) > MaxToken {
		return access.Claims{}, access.ErrMalformed
	}
	var c claims
	t, err := v.parser.ParseWithClaims(token, &c, v.key)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return access.Claims{}, access.ErrExpired
	case err != nil:
		return access.Claims{}, refused(err)
	case !t.Valid || c.Subject == "" || c.Livedub == nil:
		return access.Claims{}, fmt.Errorf("%w: sub, or livedub with session and grant, is missing", access.ErrInvalid)
	}
	out, err := access.Claim(c.Livedub.Session, c.Livedub.Grant, c.ExpiresAt.Add(v.cfg.Leeway))
	if err != nil {
		return access.Claims{}, err
	}
	out.Text = textID(token)
	out.ID = out.Text
	if c.ID != "" {
		out.ID = access.ID(c.ID)
	}
	return out, nil
}

// refused says why in words that repeat nothing of the token.
func refused(err error) error {
	for _, known := range []error{
		jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenRequiredClaimMissing,
		jwt.ErrTokenInvalidAudience, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenInvalidClaims,
	} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", access.ErrInvalid, known)
		}
	}
	return access.ErrInvalid
}

// textID is the ID of a token as a whole: of what is signed, since a signature may be
// written in several ways.
func textID(token string) string {
	for i := len(token) - 1; i >= 0; i-- {
		if token[i] == '.' {
			return access.ID(token[:i])
		}
	}
	return access.ID(token)
}

// Wish is a token to be made.
type Wish struct {
	Subject  string
	Session  string
	Grants   []string
	For      time.Duration
	Audience string // "" for none
	Issuer   string // "" for none
}

// Sign makes a token by a secret (HS256), with an ID of its own. It fails for a secret
// that is too short, and for grants that nobody would understand.
func Sign(secret []byte, w Wish, now time.Time) (token string, err error) {
	if len(secret) < MinSecret {
		return "", fmt.Errorf("tokens: the secret has %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	if w.Subject == "" || w.For <= 0 {
		return "", errors.New("tokens: a token has a subject and a time to last")
	}
	until := now.Add(w.For)
	if _, err := access.Claim(w.Session, w.Grants, until); err != nil {
		return "", err
	}
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: rand.Text(), Subject: w.Subject, Issuer: w.Issuer, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(until),
		},
		Livedub: &grants{w.Session, slices.Clone(w.Grants)},
	}
	if w.Audience != "" {
		c.Audience = jwt.ClaimStrings{w.Audience}
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(secret)
	if err == nil && len(token) > MaxToken {
		return "", fmt.Errorf("tokens: it would have %d bytes, %d at most", len(token), MaxToken)
	}
	return token, err
}

// Told is what a token says of itself, whether that is true or not.
type Told struct {
	Algorithm string          `json:"alg"`
	Key       string          `json:"kid,omitempty"`
	Claims    json.RawMessage `json:"claims"`
	Expires   time.Time       `json:"expires,omitzero"`
	IDs       []string        `json:"-"` // by which it is revoked
}

// Read reads a token without checking it.
func Read(token string) (Told, error) {
	if len(token) > MaxToken {
		return Told{}, access.ErrMalformed
	}
	var c claims
	t, parts, err := jwt.NewParser().ParseUnverified(token, &c)
	if err != nil {
		return Told{}, access.ErrMalformed
	}
	payload, err := jwt.NewParser().DecodeSegment(parts[1])
	if err != nil {
		return Told{}, access.ErrMalformed
	}
	out := Told{Claims: payload, IDs: []string{textID(token)}}
	out.Algorithm, _ = t.Header["alg"].(string)
	out.Key, _ = t.Header["kid"].(string)
	if c.ExpiresAt != nil {
		out.Expires = c.ExpiresAt.Time
	}
	if c.ID != "" {
		out.IDs = append(out.IDs, access.ID(c.ID))
	}
	return out, nil
}
