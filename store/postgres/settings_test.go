package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/pgproc"
	"livedub/internal/testkit/pgtest"
	"livedub/store"
)

const hush = "hush%2Fhush"

// TestAddresses: what cannot be an address is refused, and no error repeats a password.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"":                                   "postgres://",
		"mysql://ana:hush/hush@h/n":          "postgres://",
		"host=h password=hush":               "postgres://",
		"postgres://ana:hush%zz@h/n":         "cannot be read",
		"postgres://ana:hush@h:no/n":         "cannot be read",
		"postgres://ana:hush@[::1/n":         "cannot be read",
		"postgres://ana:hush@h/n?sslmode=no": "sslmode",
		"postgres://ana:hush@h/n?a=%zz":      "?",
		"postgres://ana:hush@h/n?sslmode=verify-full&sslrootcert=/no/such.pem": "/no/such.pem",
		"postgres://ana:hush@h\x00/n":                                          "cannot be read",
	} {
		_, err := Open(t.Context(), Options{URL: address})
		var s *SettingError
		if !errors.As(err, &s) || s.Setting != "address" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"postgres://a:b@c:5/d?sslmode=require", "postgresql:///d?host=/tmp", "postgres://a,b/c?target_session_attrs=read-write"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, word := range []string{"sslrootcert", "sslcert", "sslkey", "passfile", "service"} { // which name files
			if strings.Contains(strings.ToLower(s), word) || strings.Contains(s, "%") {
				t.Skip("it may name a file of this machine, which is not to be read")
			}
		}
		c, err := poolConfig(Options{URL: s, Timeout: time.Second})
		if err == nil && (c.MaxConns < 1 || c.ConnConfig.RuntimeParams["statement_timeout"] == "") {
			t.Errorf("%q: %+v", s, c)
		}
	})
}

// TestCheck: what is wrong is told before the first write, by name, and what may mend
// itself is told from what does not.
func TestCheck(t *testing.T) {
	server := pgtest.Shared(t)
	good := migrated(t)
	name := good[strings.LastIndex(good, "/")+1 : strings.Index(good, "?")]
	server.Do(name, "CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
	t.Cleanup(func() { server.Do("postgres", "DROP ROLE IF EXISTS reader") })
	t.Cleanup(func() { server.Do(name, "DROP OWNED BY reader") })
	server.Do("postgres", "CREATE DATABASE latin1 ENCODING 'LATIN1' TEMPLATE template0")
	t.Cleanup(func() { server.Do("postgres", "DROP DATABASE latin1 WITH (FORCE)") })
	closed := groundtest.FreeAddr(t)
	for what, c := range map[string]struct {
		url, setting, want string
		waits              bool
	}{
		"password":     {"postgres://livedub:" + hush + "@" + server.Addr + "/" + name + "?sslmode=disable", "password", "authentication failed", true},
		"user":         {"postgres://nobody:" + hush + "@" + server.Addr + "/" + name + "?sslmode=disable", "password", "nobody", true},
		"database":     {server.URL("nowhere"), "database", "nowhere", true},
		"host":         {"postgres://livedub:" + hush + "@no-such-host.invalid/" + name, "host", "no-such-host.invalid", true},
		"nobody there": {"postgres://livedub:" + hush + "@" + closed + "/" + name, "", closed, true},
		"no TLS":       {"postgres://livedub:" + hush + "@" + server.Addr + "/" + name + "?sslmode=require", "certificate", "TLS", true},
		"rights":       {"postgres://reader:reader@" + server.Addr + "/" + name + "?sslmode=disable", "rights", "INSERT on phrases", false},
		"encoding":     {server.URL("latin1"), "database", "LATIN1", false},
	} {
		t.Run(what, func(t *testing.T) {
			j := opened(t, Options{URL: c.url})
			_, err := j.Check(t.Context())
			var s *SettingError
			if errors.As(err, &s) != (c.setting != "") || s != nil && s.Setting != c.setting || err == nil || !strings.Contains(err.Error(), c.want) ||
				errors.Is(err, store.ErrUnavailable) != c.waits || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v, want %s: %q", err, c.setting, c.want)
			}
			err = j.Write(t.Context(), some("e", 1))
			if err == nil || errors.Is(err, store.ErrInvalid) || !errors.Is(err, store.ErrUnavailable) && what != "encoding" || strings.Contains(err.Error(), "hush") {
				t.Errorf("a write: %v", err)
			}
		})
	}
	if warning, err := opened(t, Options{URL: good}).Check(t.Context()); err != nil || warning != "" {
		t.Errorf("%q, %v", warning, err)
	}
}

// TestPlain: that words may be read on their way is told, and only then.
func TestPlain(t *testing.T) {
	for address, want := range map[string]bool{
		"postgres://db.example.net/n":                                     true,
		"postgres://db.example.net/n?sslmode=disable":                     true,
		"postgres://127.0.0.1,db.example.net/n?sslmode=prefer":            true,
		"postgres://db.example.net/n?sslmode=require":                     false,
		"postgres://db.example.net/n?sslmode=verify-full":                 false,
		"postgres://127.0.0.1/n?sslmode=disable":                          false,
		"postgres://localhost/n":                                          false,
		"postgres:///n?host=/var/run/postgresql":                          false,
		"postgres://[::1]:5433/n":                                         false,
		"postgres://a.example.net,b.example.net/n?sslmode=verify-full":    false,
		"postgres://10.0.0.7:5432/n?sslmode=allow&application_name=other": true,
	} {
		c, err := poolConfig(Options{URL: address, Timeout: time.Second})
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if got := plain(c.ConnConfig); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// TestTLS: a server is known by its certificate, and refused with another.
func TestTLS(t *testing.T) {
	s := pgtest.New(t)
	cert := certify(t, s, "127.0.0.1")
	s.Args("ssl=on", "ssl_cert_file="+filepath.Join(s.Dir, "server.crt"), "ssl_key_file="+filepath.Join(s.Dir, "server.key"))
	s.Start()
	name := s.Database()
	address := func(host, query string) string {
		_, port, _ := net.SplitHostPort(s.Addr)
		return (&url.URL{Scheme: "postgres", User: url.UserPassword(pgproc.User, pgproc.Password), Host: net.JoinHostPort(host, port), Path: name, RawQuery: query}).String()
	}
	good := address("127.0.0.1", "sslmode=verify-full&sslrootcert="+cert)
	if _, err := Migrate(t.Context(), Options{URL: good}); err != nil {
		t.Fatal(err)
	}
	j := opened(t, Options{URL: good})
	if warning, err := j.Check(t.Context()); err != nil || warning != "" {
		t.Fatalf("%q, %v", warning, err)
	}
	if err := j.Write(t.Context(), some("e", 1)); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(s.Do(name, "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'livedub'")); got == "0" {
		t.Error("no connection has TLS")
	}
	for what, bad := range map[string]string{
		"an unknown authority": address("127.0.0.1", "sslmode=verify-full"),
		"another name":         address("localhost", "sslmode=verify-full&sslrootcert="+cert),
	} {
		_, err := opened(t, Options{URL: bad}).Check(t.Context())
		var e *SettingError
		if !errors.As(err, &e) || e.Setting != "certificate" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// certify puts a key and a certificate of its own, for host, into the server's folder,
// and returns the path of one that a client can read.
func certify(t *testing.T, s *pgtest.Server, host string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP(host)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ours := filepath.Join(t.TempDir(), "ca.pem")
	for path, block := range map[string]*pem.Block{
		filepath.Join(s.Dir, "server.crt"): {Type: "CERTIFICATE", Bytes: der},
		filepath.Join(s.Dir, "server.key"): {Type: "PRIVATE KEY", Bytes: secret},
		ours:                               {Type: "CERTIFICATE", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if path != ours {
			if err := s.Give(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ours
}

// some returns n phrases of a session, and its row.
func some(epoch string, n int) store.Batch {
	b := store.Batch{Sessions: []store.Session{{Epoch: epoch, Name: "talk", From: "en", To: []string{"es"}, Created: time.Now(), Phrases: n}}}
	for i := range n {
		b.Phrases = append(b.Phrases, store.Phrase{Epoch: epoch, Lang: "es", ID: i + 1, SourceLang: "en", SourceText: fmt.Sprint("phrase ", i), Text: fmt.Sprint("frase ", i),
			Start: time.Duration(i) * time.Second, End: time.Duration(i+1) * time.Second, Outcome: "played"})
	}
	return b
}
