package s3

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	connectTime = 10 * time.Second
	silence     = time.Minute // longest time in which a connection carries nothing while it should
	connections = 16          // kept open
)

// client returns an HTTP client with the certificates of c, whose connections end when
// they stall. It follows no redirection: what is signed is for one server.
func client(c aws.Config) *http.Client {
	buildable, ok := c.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	t := buildable.GetTransport()
	t.DialContext = dial(silence)
	t.MaxIdleConnsPerHost = connections
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dial connects, and ends connections that are silent for that long.
func dial(silence time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTime}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &live{conn, silence}, nil
	}
}

// live is a connection that ends when it carries nothing for a while. What goes one way
// counts for both: who sends a large file hears nothing meanwhile.
type live struct {
	net.Conn
	silence time.Duration
}

// Read is part of net.Conn.
func (l *live) Read(p []byte) (int, error) {
	l.touch()
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.touch()
	}
	return n, err
}

// Write is part of net.Conn. It writes in pieces, each of which counts as a sign of life.
func (l *live) Write(p []byte) (int, error) {
	const piece = 64 << 10
	sent := 0
	for {
		l.touch()
		n, err := l.Conn.Write(p[sent:min(len(p), sent+piece)])
		sent += n
		if err != nil || sent == len(p) {
			l.touch()
			return sent, err
		}
	}
}

// touch puts the end off.
func (l *live) touch() { _ = l.SetDeadline(time.Now().Add(l.silence)) } // a closed one fails by itself
