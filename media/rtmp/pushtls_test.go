package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certificate returns one of "localhost" alone, signed by itself.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestPushChecksCertificates(t *testing.T) {
	cert := certificate(t)
	known := x509.NewCertPool()
	known.AddCert(cert.Leaf)
	for name, c := range map[string]struct {
		host  string
		roots *x509.CertPool
		want  string // in the error
	}{
		"known":        {"localhost", known, ""},
		"unknown":      {"localhost", nil, "unknown authority"},
		"another name": {"127.0.0.1", known, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			name := ""
			url := serveOne(t, func(nc net.Conn) {
				s := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}})
				conn, err := Accept(context.Background(), s)
				if err != nil {
					return // as is wanted of all but one
				}
				name = conn.Name
				if err := conn.status("status", "NetStream.Publish.Start", "published"); err != nil {
					t.Error(err)
				}
				_, _ = conn.command() // until it leaves
			})
			_, port, _ := strings.Cut(strings.TrimPrefix(url, "rtmp://"), ":")
			to := target(t, "rtmps://"+c.host+":"+port)
			to.Roots = c.roots
			p, err := Push(t.Context(), to)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			if name != "sesame" {
				t.Errorf("%q was published", name)
			}
		})
	}
}
