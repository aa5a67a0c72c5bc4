package redis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redistest"
)

// TestFull: a Redis without memory claims nothing, half-done or whole, and lets go
// and look up; nobody counts as dead for it.
func TestFull(t *testing.T) {
	s := redistest.Start(t)
	o := Options{Addrs: []string{s.Addr}}
	r := connect(t, o, cluster.Rules{})
	a, b := node("a", 3), node("b", 2)
	beat(t, r, a, b)
	c, ended := place(t, r, "s"), place(t, r, "ended")
	if err := r.rdb.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := r.Place(t.Context(), cluster.Ask{Session: "new", Cost: 1})
	full := func(what string, err error) {
		t.Helper()
		wants(t, what, err, cluster.ErrUnavailable)
		if err != nil && !strings.Contains(err.Error(), "Redis is full") {
			t.Errorf("%s: %v", what, err)
		}
	}
	full("place", err)
	_, err = r.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence)
	full("move", err)
	_, err = r.Beat(t.Context(), a)
	full("beat", err)
	_, err = r.Reap(t.Context())
	full("reap", err)
	full("append", r.Append(t.Context(), "s", c.Fence, []byte("x")))
	if err := r.Release(t.Context(), "ended", ended.Fence); err != nil {
		t.Errorf("release: %v", err)
	}
	hold(t, r, c)
	if err := r.rdb.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	age(t, o, 10*time.Second) // it was full for so long
	if now := find(t, r, "s"); now != c {
		t.Errorf("%+v, want %+v", now, c)
	}
	if lost, err := r.Reap(t.Context()); err != nil || len(lost) > 0 {
		t.Errorf("reaped %+v, %v", lost, err)
	}
	beat(t, r, a, b)
	if n := status(t, r, c.Node); n.Claims != 1 || n.Used != 1 {
		t.Errorf("%+v", n)
	}
	place(t, r, "new")
}

func TestReadOnly(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr)
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	w := connect(t, Options{Addrs: []string{master.Addr}}, cluster.Rules{})
	beat(t, w, node("a", 1))
	c := place(t, w, "s")
	r := connect(t, Options{Addrs: []string{replica.Addr}}, cluster.Rules{})
	soon(t, "replication", func(ctx context.Context) error { _, err := r.Find(ctx, "s"); return err })
	if got := find(t, r, "s"); got != c {
		t.Errorf("%+v, want %+v", got, c)
	}
	_, err := r.Place(t.Context(), cluster.Ask{Session: "new", Cost: 1})
	wants(t, "place", err, cluster.ErrUnavailable)
	if !strings.Contains(err.Error(), "this Redis is a replica") {
		t.Error(err)
	}
}

// setting returns which setting an error blames, "" for none.
func setting(err error) string {
	var s *SettingError
	if errors.As(err, &s) {
		return s.Setting
	}
	return ""
}

func TestWrongSettings(t *testing.T) {
	for name, o := range map[string]Options{
		"addresses": {},
		"db":        {Addrs: []string{"x:1"}, Cluster: true, DB: 1},
		"master":    {Addrs: []string{"x:1"}, Cluster: true, Master: "m"},
		"prefix":    {Addrs: []string{"x:1"}, Prefix: "a}b"},
	} {
		if _, err := New(o, cluster.Rules{}); setting(err) != name {
			t.Errorf("%+v: %v, want %s blamed", o, err, name)
		}
	}
}

// TestRefused: what Redis refuses for good is blamed on a setting, what passes is not.
func TestRefused(t *testing.T) {
	plain := redistest.Start(t)
	secret := redistest.Start(t, slices.Concat([]string{"--requirepass", "tulip-7", "--user", "weak", "on", ">weak", "~*", "+ping", "+hello"},
		[]string{"--user", "reader", "on", ">weak", "~*", "+@all", "-@write"},
		[]string{"--user", "livedub", ">pass"}, ACL("dub"))...)
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no password", Options{Addrs: []string{secret.Addr}}, "password"},
		{"wrong password", Options{Addrs: []string{secret.Addr}, Password: "rose-8"}, "password"},
		{"wrong user", Options{Addrs: []string{secret.Addr}, User: "nobody", Password: "tulip-7"}, "password"},
		{"too few rights", Options{Addrs: []string{secret.Addr}, User: "weak", Password: "weak"}, "user"},
		{"no right to write", Options{Addrs: []string{secret.Addr}, User: "reader", Password: "weak"}, "user"},
		{"keys of another", Options{Addrs: []string{secret.Addr}, User: "livedub", Password: "pass", Prefix: "other"}, "user"},
		{"no such database", Options{Addrs: []string{plain.Addr}, DB: 99}, "db"},
		{"no cluster", Options{Addrs: []string{plain.Addr}, Cluster: true}, "addresses"},
		{"TLS to a plain port", Options{Addrs: []string{plain.Addr}, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, "away"},
		{"good", Options{Addrs: []string{plain.Addr}}, "good"},
		{"good password", Options{Addrs: []string{secret.Addr}, Password: "tulip-7"}, "good"},
		{"good user", Options{Addrs: []string{secret.Addr}, User: "livedub", Password: "pass"}, "good"},
		{"nobody there", Options{Addrs: []string{groundtest.FreeAddr(t)}}, "away"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := connect(t, tt.o, cluster.Rules{}).Check(t.Context())
			switch got := setting(err); {
			case tt.want == "good" && err != nil,
				tt.want == "away" && (got != "" || !errors.Is(err, cluster.ErrUnavailable)),
				tt.want != "good" && tt.want != "away" && got != tt.want:
				t.Errorf("%v blames %q, want %s", err, got, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "tulip-7") || strings.Contains(err.Error(), "rose-8")) {
				t.Errorf("the password is told: %v", err)
			}
			t.Log(err)
		})
	}
}

// TestUserWithTheRightsOfACL: the suite runs as a user that may do no more.
func TestUserWithTheRightsOfACL(t *testing.T) {
	s := redistest.Start(t, append([]string{"--user", "livedub", ">pass"}, ACL("")...)...)
	clustertest.Test(t, func(t *testing.T, rules cluster.Rules) clustertest.Ground {
		empty(t, Options{Addrs: []string{s.Addr}})
		g := ground(t, Options{Addrs: []string{s.Addr}}, rules) // time goes on by the operator's hand
		g.Open = func() clustertest.Registry {
			return connect(t, Options{Addrs: []string{s.Addr}, User: "livedub", Password: "pass", Timeout: busy}, rules)
		}
		return g
	})
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, pool := certificate(t, dir)
	s := redistest.New(t, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	_, port, _ := net.SplitHostPort(s.Addr)
	s.Args("--port", "0", "--tls-port", port)
	s.Start()
	o := Options{Addrs: []string{s.Addr}, Timeout: busy}
	if _, err := connect(t, o, cluster.Rules{}).Check(t.Context()); !errors.Is(err, cluster.ErrUnavailable) || err == nil {
		t.Errorf("without TLS: %v", err)
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if _, err := connect(t, o, cluster.Rules{}).Check(t.Context()); setting(err) != "tls" {
		t.Errorf("a certificate of nobody: %v", err)
	}
	o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	r := connect(t, o, cluster.Rules{})
	if _, err := r.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	beat(t, r, node("a", 1))
	hold(t, r, place(t, r, "s"))
}

// certificate makes one for 127.0.0.1, by itself.
func certificate(t *testing.T, dir string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(text)
	if err := errors.Join(os.WriteFile(cert, text, 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)); err != nil {
		t.Fatal(err)
	}
	return cert, key, pool
}
