package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// set writes keys as RFC 7517 has them.
func set(t testing.TB, keys map[string]any) []byte {
	t.Helper()
	out := []map[string]string{}
	for kid, key := range keys {
		switch k := key.(type) {
		case *rsa.PublicKey:
			out = append(out, map[string]string{"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())})
		case *ecdsa.PublicKey:
			point, err := k.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, map[string]string{"kty": "EC", "kid": kid, "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
		case []byte:
			out = append(out, map[string]string{"kty": "oct", "kid": kid, "k": b64(k)})
		}
	}
	data, err := json.Marshal(map[string]any{"keys": out})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestKeySet: a token counts by the key that it names, of the key's own algorithm.
func TestKeySet(t *testing.T) {
	rs, _ := rsaKey(t, 2048)
	ec, _ := ecKey(t, elliptic.P256())
	stranger, _ := rsaKey(t, 2048)
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, set(t, map[string]any{"rsa": &rs.PublicKey, "ec": &ec.PublicKey, "oct": secret}), 0o600); err != nil {
		t.Fatal(err)
	}
	v := open(t, Config{JWKS: path, Secret: []byte(strings.Repeat("o", MinSecret))})
	kid := func(k any) map[string]any { return map[string]any{"kid": k} }
	for name, token := range map[string]string{
		"RS256": signed(t, jwt.SigningMethodRS256, rs, kid("rsa"), says(nil)),
		"ES256": signed(t, jwt.SigningMethodES256, ec, kid("ec"), says(nil)),
	} {
		if _, err := v.Check(token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string]string{
		"no kid":            signed(t, jwt.SigningMethodRS256, rs, nil, says(nil)),
		"another kid":       signed(t, jwt.SigningMethodRS256, rs, kid("ec"), says(nil)),
		"a path":            signed(t, jwt.SigningMethodRS256, rs, kid("../../../../dev/null"), says(nil)),
		"the file":          signed(t, jwt.SigningMethodRS256, rs, kid(path), says(nil)),
		"an address":        signed(t, jwt.SigningMethodRS256, rs, kid("https://evil.example/jwks"), says(nil)),
		"SQL":               signed(t, jwt.SigningMethodRS256, rs, kid("x' UNION SELECT 'k"), says(nil)),
		"a long kid":        signed(t, jwt.SigningMethodRS256, rs, kid(strings.Repeat("k", maxKid+1)), says(nil)),
		"a number":          signed(t, jwt.SigningMethodRS256, rs, kid(7), says(nil)),
		"a list":            signed(t, jwt.SigningMethodRS256, rs, kid([]string{"rsa"}), says(nil)),
		"the set's secret":  signed(t, jwt.SigningMethodHS256, secret, kid("oct"), says(nil)),
		"a stranger's key":  signed(t, jwt.SigningMethodRS256, stranger, kid("rsa"), says(nil)),
		"HS256 by a public": signed(t, jwt.SigningMethodHS256, rs.PublicKey.N.Bytes(), kid("rsa"), says(nil)),
	} {
		if c, err := v.Check(token); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// provider answers for a key set.
type provider struct {
	*httptest.Server
	says  atomic.Pointer[[]byte] // nil: 500
	asked atomic.Int32
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		if data := p.says.Load(); data != nil {
			_, _ = w.Write(*data)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(p.Close)
	return p
}

// transport trusts the provider's certificate.
func (p *provider) transport() http.RoundTripper {
	return &http.Transport{TLSClientConfig: p.Client().Transport.(*http.Transport).TLSClientConfig, DisableKeepAlives: true}
}

// TestProvider: a set at an address is read again when a token names a key that is not
// known, as after the provider changed it; while that fails, known keys hold on.
func TestProvider(t *testing.T) {
	first, _ := rsaKey(t, 2048)
	second, _ := rsaKey(t, 2048)
	p := newProvider(t)
	v := open(t, Config{JWKS: p.URL, transport: p.transport(), again: 2 * time.Second})
	token := func(key *rsa.PrivateKey, kid string) string {
		return signed(t, jwt.SigningMethodRS256, key, map[string]any{"kid": kid}, says(nil))
	}
	if _, err := v.Check(token(first, "1")); err == nil {
		t.Error("a token counts without a key")
	}
	data := set(t, map[string]any{"1": &first.PublicKey})
	p.says.Store(&data)
	counts := func(token string) {
		t.Helper()
		for until := time.Now().Add(90 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			_, err := v.Check(token)
			if err == nil {
				return
			}
			if time.Now().After(until) {
				t.Fatal(err)
			}
		}
	}
	counts(token(first, "1"))
	data = set(t, map[string]any{"1": &first.PublicKey, "2": &second.PublicKey})
	p.says.Store(&data)
	counts(token(second, "2"))
	p.says.Store(nil)
	before, began := p.asked.Load(), time.Now()
	for range 1000 {
		if _, err := v.Check(token(second, "unknown")); err == nil {
			t.Fatal("an unknown key counts")
		}
	}
	if n := p.asked.Load() - before; n > 2+int32(time.Since(began)/(2*time.Second)) {
		t.Errorf("1000 tokens with made-up keys ask the provider %d times", n)
	}
	counts(token(first, "1"))
}

// TestUntrusted: an address whose certificate nobody vouches for gives no keys.
func TestUntrusted(t *testing.T) {
	p := newProvider(t)
	key, _ := rsaKey(t, 2048)
	data := set(t, map[string]any{"1": &key.PublicKey})
	p.says.Store(&data)
	if v := open(t, Config{JWKS: p.URL}); v.set.keys.Load() != nil {
		t.Error("it is believed")
	}
}

// TestHostileProvider: what leads elsewhere, never ends or is too large gives no keys.
func TestHostileProvider(t *testing.T) {
	elsewhere := newProvider(t)
	key, _ := rsaKey(t, 2048)
	data := set(t, map[string]any{"1": &key.PublicKey})
	elsewhere.says.Store(&data)
	for name, h := range map[string]http.HandlerFunc{
		"leads elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		},
		"is too large": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[],"x":"`+strings.Repeat("x", maxSet)+`"}`)
		},
		"never ends": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		},
		"is no set": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) },
		"has bad keys": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[{"kty":"RSA","n":"!"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &provider{Server: httptest.NewTLSServer(h)}
			defer p.Close()
			v := open(t, Config{JWKS: p.URL, transport: p.transport()})
			if err := v.set.read(t.Context()); err == nil || v.set.keys.Load() != nil {
				t.Errorf("it is read: %v", err)
			}
		})
	}
	if elsewhere.asked.Load() > 0 {
		t.Error("a redirect was followed")
	}
}
