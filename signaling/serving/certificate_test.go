package serving

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pair writes a certificate of a serial number, and its key.
func pair(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// logged is a log that is written and read at once.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) says(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

// TestCertificate: a server shows the newest certificate that can be used, and speaks
// TLS 1.2 at least.
func TestCertificate(t *testing.T) {
	for name, every := range map[string]time.Duration{"looks": 100 * time.Millisecond, "SIGHUP": time.Hour} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cert, key := pair(t, dir, 1)
			log := &logged{}
			c, err := openCertificate(cert, key, slog.New(slog.NewTextHandler(log, nil)), every)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			l, err := Listen(t.Context(), "127.0.0.1:0", "--listen")
			if err != nil {
				t.Fatal(err)
			}
			srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.TLS == nil || r.ProtoMajor != 1 {
					t.Errorf("%s, TLS %v", r.Proto, r.TLS)
				}
			}), quiet)
			done := make(chan struct{})
			go func() { defer close(done); _ = srv.Serve(c.Listen(l)) }()
			defer func() { srv.Close(); <-done }()
			serial := func() int64 {
				t.Helper()
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
				resp, err := client.Get("https://" + l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
			}
			await := func(what string, is func() bool) {
				t.Helper()
				for until := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
					if time.Now().After(until) {
						t.Fatalf("%s does not come about", what)
					}
					if name == "SIGHUP" {
						_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
					}
				}
			}
			if n := serial(); n != 1 {
				t.Fatalf("certificate %d", n)
			}
			pair(t, dir, 2)
			await("the second", func() bool { return serial() == 2 })
			if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
				t.Fatal(err)
			}
			await("a word of a bad one", func() bool { return log.says("the one before stays") })
			if n := serial(); n != 2 {
				t.Errorf("certificate %d after a bad one", n)
			}
			if err := os.Remove(key); err != nil {
				t.Fatal(err)
			}
			await("a word of a missing one", func() bool { return log.says("no such file") })
			pair(t, dir, 3)
			await("the third", func() bool { return serial() == 3 })
			if log.says("PRIVATE") {
				t.Error("the log has the key")
			}
			if _, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
				t.Error("it speaks TLS 1.1")
			}
		})
	}
}

// TestNoCertificate: what cannot be used is told at the start; nothing at all is a server without TLS.
func TestNoCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, _ := pair(t, filepath.Join(dir), 1)
	other := t.TempDir()
	_, key := pair(t, other, 2)
	for name, c := range map[string][2]string{"one of two": {cert, ""}, "the other": {"", key}, "of another pair": {cert, key}, "not there": {cert, filepath.Join(dir, "none")}} {
		if c, err := OpenCertificate(c[0], c[1], quiet); err == nil {
			c.Close()
			t.Errorf("%s: taken", name)
		} else if !strings.Contains(err.Error(), "serve.tls_") {
			t.Errorf("%s: %v", name, err)
		}
	}
	none, err := OpenCertificate("", "", quiet)
	if none != nil || err != nil || none.Config() != nil || none.Scheme() != "http" {
		t.Errorf("%v, %v", none, err)
	}
	none.Close()
}
