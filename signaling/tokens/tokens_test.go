package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"livedub/signaling/access"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = []byte(strings.Repeat("s", MinSecret))

// says is what a good token says; a test changes it.
func says(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"sub": "somebody", "exp": time.Now().Add(time.Hour).Unix(), "jti": "one", "aud": []string{"other", "livedub"}, "iss": "https://id.example",
		"livedub": map[string]any{"session": "x", "grant": []string{"watch:es", "publish"}},
	}
	if change != nil {
		change(c)
	}
	return c
}

func signed(t testing.TB, m jwt.SigningMethod, key any, header map[string]any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(m, c)
	for k, v := range header {
		token.Header[k] = v
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func open(t testing.TB, c Config) *Verifier {
	t.Helper()
	v, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func rsaKey(t testing.TB, bits int) (*rsa.PrivateKey, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key, public(t, &key.PublicKey)
}

func ecKey(t testing.TB, c elliptic.Curve) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, public(t, &key.PublicKey)
}

func public(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestSign: what is made here counts here, for what it says and no more.
func TestSign(t *testing.T) {
	v := open(t, Config{Secret: secret, Audience: "livedub"})
	now := time.Now()
	token, err := Sign(secret, Wish{Subject: "me", Session: "x", Grants: []string{"watch:es"}, For: time.Hour, Audience: "livedub", Issuer: "livedub"}, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Check(token)
	if err != nil || !c.In("x") || c.In("y") || c.In("") || c.Create || len(c.Rights) != 1 || c.Rights[0].Lang != "es" || c.Expires.Sub(now).Round(time.Minute) != time.Hour {
		t.Fatalf("%+v, %v", c, err)
	}
	told, err := Read(token)
	if err != nil || told.Algorithm != "HS256" || len(told.IDs) != 2 || told.IDs[0] != c.Text || told.IDs[1] != c.ID {
		t.Errorf("%+v, %v", told, err)
	}
	for name, w := range map[string]Wish{
		"no subject":  {Session: "x", Grants: []string{"watch"}, For: time.Hour},
		"no time":     {Subject: "me", Session: "x", Grants: []string{"watch"}},
		"no session":  {Subject: "me", Grants: []string{"watch"}, For: time.Hour},
		"no grant":    {Subject: "me", Session: "x", For: time.Hour},
		"a wrong one": {Subject: "me", Session: "x", Grants: []string{"watch:../es"}, For: time.Hour},
		"too large":   {Subject: strings.Repeat("m", MaxToken), Session: "x", Grants: []string{"watch"}, For: time.Hour},
	} {
		if _, err := Sign(secret, w, now); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := Sign(secret[1:], Wish{Subject: "me", Session: "x", Grants: []string{"watch"}, For: time.Hour}, now); err == nil {
		t.Error("signed by a short secret")
	}
}

// TestRefused: hostile and wrong tokens give nothing, and no error repeats them.
func TestRefused(t *testing.T) {
	private, pub := rsaKey(t, 2048)
	ec, _ := ecKey(t, elliptic.P256())
	stranger, _ := rsaKey(t, 2048)
	hs := open(t, Config{Secret: secret, Audience: "livedub", Issuer: "https://id.example", Leeway: time.Minute})
	rs := open(t, Config{PublicKey: pub, Audience: "livedub", Issuer: "https://id.example"})
	both := open(t, Config{Secret: secret, PublicKey: pub})
	h := func(c func(jwt.MapClaims)) string { return signed(t, jwt.SigningMethodHS256, secret, nil, says(c)) }
	r := func(header map[string]any) string {
		return signed(t, jwt.SigningMethodRS256, private, header, says(nil))
	}
	good := h(nil)
	for name, token := range map[string]string{"HS256": good, "RS256": r(nil), "ignored headers": r(map[string]any{"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x", "kid": "../../etc/passwd"})} {
		v := both
		if _, err := v.Check(token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := hs.Check(good); err != nil {
		t.Fatal(err)
	}
	if _, err := hs.Check(h(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-30 * time.Second).Unix() })); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	none := signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, says(nil))
	parts := strings.Split(good, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"a","exp":99999999999,"livedub":{"session":"*","grant":["control"]}}`))
	header := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	for _, tt := range []struct {
		name  string
		v     *Verifier
		token string
	}{
		{"none", hs, none}, {"none to both", both, none},
		{"None", both, header(`{"alg":"None"}`) + "." + parts[1] + "."}, {"no alg", both, header(`{}`) + "." + parts[1] + "."},
		{"HS256 by the public key", rs, signed(t, jwt.SigningMethodHS256, pub, nil, says(nil))},
		{"HS256 by the public key, to both", both, signed(t, jwt.SigningMethodHS256, pub, nil, says(nil))},
		{"HS256 where it does not count", rs, good},
		{"RS256 where it does not count", hs, r(nil)},
		{"HS512", hs, signed(t, jwt.SigningMethodHS512, secret, nil, says(nil))},
		{"ES256 for an RSA key", rs, signed(t, jwt.SigningMethodES256, ec, nil, says(nil))},
		{"RS512", rs, signed(t, jwt.SigningMethodRS512, private, nil, says(nil))},
		{"PS256", rs, signed(t, jwt.SigningMethodPS256, private, nil, says(nil))},
		{"a stranger's key", rs, signed(t, jwt.SigningMethodRS256, stranger, nil, says(nil))},
		{"a stranger's secret", hs, signed(t, jwt.SigningMethodHS256, []byte("other"), nil, says(nil))},
		{"crit", rs, r(map[string]any{"crit": []string{"b64"}})},
		{"another audience", hs, h(func(c jwt.MapClaims) { c["aud"] = "other" })},
		{"no audience", hs, h(func(c jwt.MapClaims) { delete(c, "aud") })},
		{"another issuer", hs, h(func(c jwt.MapClaims) { c["iss"] = "https://evil.example" })},
		{"no issuer", hs, h(func(c jwt.MapClaims) { delete(c, "iss") })},
		{"no end", hs, h(func(c jwt.MapClaims) { delete(c, "exp") })},
		{"not yet", hs, h(func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() })},
		{"nobody's", hs, h(func(c jwt.MapClaims) { delete(c, "sub") })},
		{"no grants", hs, h(func(c jwt.MapClaims) { delete(c, "livedub") })},
		{"empty grants", hs, h(func(c jwt.MapClaims) { c["livedub"] = map[string]any{"session": "x"} })},
		{"an unknown grant", hs, h(func(c jwt.MapClaims) {
			c["livedub"] = map[string]any{"session": "x", "grant": []string{"watch", "admin"}}
		})},
		{"publish in a language", hs, h(func(c jwt.MapClaims) { c["livedub"] = map[string]any{"session": "x", "grant": []string{"publish:es"}} })},
		{"no session", hs, h(func(c jwt.MapClaims) { c["livedub"] = map[string]any{"grant": []string{"watch"}} })},
		{"a path for a session", hs, h(func(c jwt.MapClaims) { c["livedub"] = map[string]any{"session": "../x", "grant": []string{"watch"}} })},
		{"a number for grants", hs, h(func(c jwt.MapClaims) { c["livedub"] = map[string]any{"session": "x", "grant": 7} })},
		{"forged", hs, parts[0] + "." + forged + "." + parts[2]},
		{"no signature", hs, parts[0] + "." + parts[1] + "."},
		{"cut", hs, good[:len(good)-4]}, {"longer", hs, good + "AAAA"}, {"two", hs, good + "." + good}, {"nothing", hs, ""}, {"dots", hs, ".."},
		{"large", hs, h(func(c jwt.MapClaims) { c["x"] = strings.Repeat("x", MaxToken) })},
	} {
		c, err := tt.v.Check(tt.token)
		if err == nil || len(c.Rights) > 0 || c.Create || c.Session != "" {
			t.Errorf("%s: %+v, %v", tt.name, c, err)
			continue
		}
		for _, part := range strings.Split(tt.token, ".") {
			if len(part) > 8 && strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error repeats the token: %v", tt.name, err)
			}
		}
	}
	if _, err := hs.Check(h(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() })); !errors.Is(err, access.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
}

// TestKeys: keys that are none or too weak are refused at the start.
func TestKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	_, weak := rsaKey(t, 1024)
	_, curve := ecKey(t, elliptic.P384())
	private, _ := ecKey(t, elliptic.P256())
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"1024 bits": {PublicKey: weak}, "P-384": {PublicKey: curve}, "no PEM": {PublicKey: []byte("key")},
		"a private key":  {PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		"a short secret": {Secret: secret[1:]}, "an empty secret": {Secret: []byte{}},
		"a set by http": {JWKS: "http://id.example/jwks"}, "a set by ftp": {JWKS: "ftp://id.example/jwks"},
		"a set with a password": {JWKS: "https://me:secret@id.example/"}, "no file": {JWKS: "/nonexistent/jwks.json"},
	} {
		if v, err := Open(t.Context(), c); err == nil {
			v.Close()
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "me:secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ec, pub := ecKey(t, elliptic.P256())
	if _, err := open(t, Config{PublicKey: pub}).Check(signed(t, jwt.SigningMethodES256, ec, nil, says(nil))); err != nil {
		t.Errorf("ES256: %v", err)
	}
}

// FuzzCheck: no text panics, and none that is not signed by the secret counts.
func FuzzCheck(f *testing.F) {
	v := open(f, Config{Secret: secret})
	good := signed(f, jwt.SigningMethodHS256, secret, nil, says(nil))
	f.Add(good)
	f.Add(good[:20] + "." + good[20:])
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := v.Check(token); err == nil && (token != good || len(c.Rights) == 0) {
			t.Errorf("%q counts: %+v", token, c)
		}
		_, _ = Read(token)
	})
}
