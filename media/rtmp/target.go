package rtmp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Target is where a stream is pushed to.
type Target struct {
	Secure bool   // RTMPS
	Addr   string // host:port
	App    string // as "live2"
	Key    string // the stream's name, which is a secret of whoever may publish there

	Dial  func(ctx context.Context, addr string) (net.Conn, error)
	Roots *x509.CertPool // nil for the system's
}

// ParseTarget reads an address, as rtmps://HOST/APP/KEY: the last segment of its path,
// and the query behind that, are the key. Its errors tell nothing of the address.
func ParseTarget(addr string) (Target, error) {
	u, err := url.Parse(addr)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return Target{}, errors.New("it is no address, as rtmp://live.example.com/app/key")
	}
	t := Target{Secure: u.Scheme == "rtmps"}
	port := u.Port()
	switch {
	case !t.Secure && u.Scheme != "rtmp":
		return Target{}, errors.New("it begins with neither rtmp:// nor rtmps://")
	case u.User != nil:
		return Target{}, errors.New("it has a user's name: put what the platform asks for into the key")
	case port == "" && t.Secure:
		port = "443"
	case port == "":
		port = "1935"
	}
	t.Addr = net.JoinHostPort(u.Hostname(), port)
	if _, _, err := net.SplitHostPort(t.Addr); err != nil { // as of "]"
		return Target{}, errors.New("its host is none")
	}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		t.App, t.Key = path[:i], path[i+1:]
	} else {
		t.App = path
	}
	if u.RawQuery != "" {
		t.Key += "?" + u.RawQuery
	}
	if t.App == "" || len(t.App)+len(t.Key) > mostName {
		return Target{}, fmt.Errorf("it names no application, or has more than %d characters", mostName)
	}
	return t, nil
}

// url is the address without its key.
func (t Target) url() string {
	scheme := "rtmp://"
	if t.Secure {
		scheme = "rtmps://"
	}
	return scheme + t.Addr + "/" + t.App
}

// connect returns a connection to the server, whose certificate is checked.
func (t Target) connect(ctx context.Context) (net.Conn, error) {
	nc, err := t.Dial(ctx, t.Addr)
	if err != nil || !t.Secure {
		return nc, err
	}
	host, _, err := net.SplitHostPort(t.Addr)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	s := tls.Client(nc, &tls.Config{ServerName: host, RootCAs: t.Roots, MinVersion: tls.VersionTLS12})
	if err := s.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // it has failed already
		return nil, err
	}
	return s, nil
}
