package serving

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"livedub/internal/guard"
)

const (
	certificateEvery = 10 * time.Second // between two looks at the files
	maxPEM           = 1 << 20          // bytes
)

// Certificate is what a server shows of itself by TLS, from files that are read again
// when they change, or at SIGHUP. A nil Certificate is that of a server without TLS.
type Certificate struct {
	cert, key string
	log       *slog.Logger
	now       atomic.Pointer[tls.Certificate]
	read      [sha256.Size]byte // of what was read last, good or bad
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// OpenCertificate reads a certificate and its key (PEM); nil where no file is named. It
// fails where they cannot be used. The caller closes it.
func OpenCertificate(cert, key string, log *slog.Logger) (*Certificate, error) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, errors.New("serve.tls_cert and serve.tls_key go together: one is missing")
	}
	return openCertificate(cert, key, log, certificateEvery)
}

func openCertificate(cert, key string, log *slog.Logger, every time.Duration) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, log: log}
	if _, err := c.load(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	c.done.Go(func() {
		defer signal.Stop(hup)
		c.follow(ctx, hup, every)
	})
	return c, nil
}

// Close ends the looks at the files.
func (c *Certificate) Close() {
	if c == nil {
		return
	}
	c.stop()
	c.done.Wait()
}

func (c *Certificate) follow(ctx context.Context, hup <-chan os.Signal, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-hup:
		case <-ctx.Done():
			return
		}
		changed := false
		err := guard.Do("certificate", func() (err error) { changed, err = c.load(); return err })
		switch {
		case err != nil && changed:
			c.log.Error("the new certificate cannot be used: the one before stays", "err", err)
		case changed:
			c.log.Info("the certificate was read again", "ends", c.now.Load().Leaf.NotAfter.Format(time.RFC3339))
		}
	}
}

// load reads the files, and tells whether they hold something else than at the last time.
func (c *Certificate) load() (changed bool, err error) {
	cert, err := readPEM(c.cert)
	if err != nil {
		return c.mark([]byte(err.Error())), fmt.Errorf("serve.tls_cert: %w", err)
	}
	key, err := readPEM(c.key)
	if err != nil {
		return c.mark([]byte(err.Error())), fmt.Errorf("serve.tls_key: %w", err)
	}
	if !c.mark(bytes.Join([][]byte{cert, key}, []byte{0})) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return true, fmt.Errorf("serve.tls_cert %s and serve.tls_key %s: %w", c.cert, c.key, err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		c.log.Warn("the certificate's time is over", "ended", pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	c.now.Store(&pair)
	return true, nil
}

func (c *Certificate) mark(data []byte) (changed bool) {
	sum := sha256.Sum256(data)
	changed = sum != c.read
	c.read = sum
	return changed
}

func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPEM))
}

// Config returns how a listener speaks TLS (1.2 and later), always with the newest
// certificate; nil without one. protocols are those of ALPN, none for a listener that
// has no such.
func (c *Certificate) Config(protocols ...string) *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
	}
}

// Listen returns l, by TLS where there is a certificate. It is HTTP/1.1: websockets and
// streams of events hold a connection each, and their deadlines are that connection's.
func (c *Certificate) Listen(l net.Listener) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, c.Config("http/1.1"))
}

// Scheme returns "https", or "http" without a certificate.
func (c *Certificate) Scheme() string {
	if c == nil {
		return "http"
	}
	return "https"
}
