package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certificate writes a certificate for this machine that vouches for itself, and its key.
func certificate(t *testing.T, dir string) (pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// TestTLS: a server speaks TLS by its files, links lead to it by https, and a new
// certificate is shown without a restart.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	first := certificate(t, dir)
	s := serve(t, append([]string{"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem")}, fakes...)...)
	if !strings.HasPrefix(s.base, "https://") {
		t.Fatalf("it serves %s", s.base)
	}
	by := func(pool *x509.CertPool) (*http.Response, error) {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.base+"/v1/sessions", strings.NewReader(`{"from":"en","to":["es"]}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
	resp, err := by(first)
	if err != nil || resp.StatusCode != 201 {
		t.Fatalf("%v %v", resp, err)
	}
	if h := resp.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(h, "max-age=") {
		t.Errorf("HSTS: %q", h)
	}
	second := certificate(t, dir)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, "the new certificate is shown", func() bool { _, err := by(second); return err == nil })
	if _, err := by(first); err == nil {
		t.Error("the old certificate is still shown")
	}
}

// TestRTMPS has ffmpeg publish by RTMP over TLS, with the certificate of the server.
func TestRTMPS(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir)
	film := filepath.Join(dir, "talk.mp4")
	broadcast(t, film, 6*time.Second)
	s := serve(t, append([]string{"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"), "--rtmps-listen", "127.0.0.1:0"}, fakes...)...)
	_, port, err := net.SplitHostPort(s.addr(t, "rtmps"))
	if err != nil {
		t.Fatal(err)
	}
	if err := <-push(t, film, "-f", "flv", "rtmps://127.0.0.1:"+port+"/live/tls?from=en&to=es&consent=true"); err != nil {
		t.Fatal(err)
	}
	until(t, "the session has been fed", func() bool { return strings.Contains(s.printed(), "rtmps") })
	if err := <-push(t, film, "-f", "flv", "rtmp://127.0.0.1:"+port+"/live/plain?from=en&to=es"); err == nil {
		t.Error("an encoder without TLS published at the port of TLS")
	}
}
