package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// maxGreeting is what a server may send until a websocket is open, TLS included, in bytes.
const maxGreeting = 256 << 10

var errGreeting = fmt.Errorf("%w: more than %d KB before a websocket is open", ErrAnswer, maxGreeting>>10)

// Socket opens a websocket at a path below the base, on which no message may
// have more than most bytes. The caller closes it. ctx bounds the handshake alone.
func (c *Client) Socket(ctx context.Context, path string, query url.Values, most int64) (*websocket.Conn, error) {
	if err := c.paused(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Host(), err)
	}
	u := c.base.JoinPath(path)
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u.RawQuery = query.Encode()
	head := http.Header{"User-Agent": {"livedub"}}
	if c.key != "" {
		head.Set("Authorization", "Bearer "+c.key)
	}
	var line *greeting
	forget := func() bool { return true }
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: handshakes,
		NetDialContext: func(dialing context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(dialing, network, addr)
			if err != nil {
				return nil, err
			}
			line = &greeting{Conn: conn}
			forget = context.AfterFunc(ctx, func() { _ = conn.Close() }) // the dialer heeds deadlines alone
			return line, nil
		}}
	ws, resp, err := dialer.DialContext(ctx, u.String(), head)
	if resp != nil {
		defer resp.Body.Close()
	}
	if !forget() && err == nil {
		_ = ws.Close()
		return nil, ctx.Err()
	}
	switch {
	case err == nil:
		line.open.Store(true)
		ws.SetReadLimit(most)
		return ws, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case passed(ctx):
		return nil, context.DeadlineExceeded // the connection has the same deadline, and may be first to tell
	case errors.Is(err, websocket.ErrBadHandshake):
		err = c.noSocket(resp)
	}
	return nil, fmt.Errorf("%s: %w", c.Host(), err)
}

func passed(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ok && !time.Now().Before(d)
}

// noSocket reads what a server answers who opens no websocket.
func (c *Client) noSocket(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode < 400:
		return fmt.Errorf("%w: no websocket, but %q: check the address", ErrAnswer, resp.Status)
	case busy(resp):
		c.leave(resp.Header.Get("Retry-After"))
	}
	return refusal(resp, body)
}

// greeting bounds what is read until a websocket is open.
type greeting struct {
	net.Conn
	open atomic.Bool
	read int
}

// Read implements net.Conn.
func (g *greeting) Read(b []byte) (int, error) {
	if g.open.Load() {
		return g.Conn.Read(b)
	}
	if g.read >= maxGreeting {
		return 0, errGreeting
	}
	n, err := g.Conn.Read(b[:min(len(b), maxGreeting-g.read)])
	g.read += n
	return n, err
}
