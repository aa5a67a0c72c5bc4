package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// The two ends prove different things, so that neither can be sent its own proof.
const (
	sends    = "sender"
	receives = "receiver"
)

// certificate returns one for this process. It proves nothing: what makes an end
// known is the cluster's secret.
var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	plain := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, plain, plain, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func tlsConfig() (*tls.Config, error) {
	cert, err := certificate()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true, NextProtos: []string{"livedub-link"},
		InsecureSkipVerify: true, // prove and check do it by the secret
	}, err
}

// prove returns what shows to the other end of c that this one knows the key. It is
// bound to this very connection: who stands between two ends has one with each, and
// can use neither's proof.
func prove(c *tls.Conn, key []byte, role string, version byte) ([]byte, error) {
	st := c.ConnectionState()
	bound, err := st.ExportKeyingMaterial("EXPORTER-livedub-link", nil, sha256.Size)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "livedub link %d %s\x00", version, role)
	h.Write(bound)
	return append([]byte{version}, h.Sum(nil)...), nil
}

// check reads the other end's proof.
func check(c *tls.Conn, key []byte, role string) error {
	var got [1 + sha256.Size]byte
	if _, err := io.ReadFull(c, got[:]); err != nil {
		return err
	}
	want, err := prove(c, key, role, got[0])
	switch {
	case err != nil:
		return err
	case !hmac.Equal(got[:], want):
		return ErrSecret
	case got[0] != Version:
		return fmt.Errorf("%w: %d, this one speaks %d", ErrVersion, got[0], Version)
	}
	return nil
}

// secure makes conn a connection to an end that knows the key. The sender proves it
// first: the receiver says nothing to strangers. conn is closed on failure.
func secure(ctx context.Context, conn net.Conn, key []byte, role string) (*tls.Conn, error) {
	if len(key) == 0 {
		return nil, errors.Join(ErrSecret, conn.Close())
	}
	c, err := tlsConfig()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secured := tls.Client(conn, c)
	if role == receives {
		secured = tls.Server(conn, c)
	}
	if err := known(ctx, secured, key, role); err != nil {
		conn.Close()
		return nil, fmt.Errorf("link: %w", err)
	}
	return secured, nil
}

// known has both ends of c prove that they know the key.
func known(ctx context.Context, c *tls.Conn, key []byte, role string) error {
	if err := c.SetDeadline(time.Now().Add(handshake)); err != nil {
		return err
	}
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	mine, err := prove(c, key, role, Version)
	if err != nil {
		return err
	}
	if role == receives {
		err := check(c, key, sends)
		if err != nil && !errors.Is(err, ErrVersion) {
			return err
		}
		_, werr := c.Write(mine)
		return errors.Join(err, werr)
	}
	if _, err := c.Write(mine); err != nil {
		return err
	}
	err = check(c, key, receives)
	if errors.Is(err, io.EOF) {
		err = ErrSecret // it hung up at our proof
	}
	return err
}
