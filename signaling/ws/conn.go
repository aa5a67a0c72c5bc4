package ws

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"livedub/signaling"
)

const (
	maxMessage = 64 << 10
	maxErrors  = 8               // mistakes of one client
	outQueue   = 32              // messages on their way out
	farewell   = 5 * time.Second // for the client to take note of a close
)

var errFlood = errors.New("too many control frames")

// conn is one connection. Its reader is the handler's own goroutine and owns
// the peer; its writer writes everything but pongs.
type conn struct {
	server *Server
	times  Times
	log    *slog.Logger
	socket *websocket.Conn
	who    *signaling.Caller

	ctx     context.Context // ends with the connection
	cancel  context.CancelFunc
	out     chan item
	peers   chan joined   // from the reader to the writer, once
	written chan struct{} // closed when the writer has ended

	following sync.WaitGroup // of the session's events

	// The reader's.
	peer    signaling.Peer
	unbind  func() // of the peer's grant
	listens bool   // the client is told of a session's events
	errors  int    // made by the client
	rate    *rate.Limiter
}

// joined is the peer, and a context that ends when it may stay no longer.
type joined struct {
	peer  signaling.Peer
	bound context.Context
}

// item is a message, or the close frame that ends the connection.
type item struct {
	message outgoing
	close   int // status; 0 for a message
	reason  string
}

func newConn(s *Server, r *http.Request, socket *websocket.Conn) *conn {
	c := &conn{
		server: s, times: s.cfg.Times, socket: socket, who: signaling.From(r),
		log: s.log.With("remote", r.RemoteAddr),
		out: make(chan item, outQueue), peers: make(chan joined, 1), written: make(chan struct{}),
		rate: rate.NewLimiter(50, 200),
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(r.Context())) // the quotas know the client by it
	return c
}

// run carries the connection to its end: nothing of it is left afterwards.
func (c *conn) run() {
	defer c.socket.Close()
	defer c.cancel()
	go c.write()
	if i := c.read(); i.close != 0 {
		c.post(i)
	} else {
		c.cancel() // nobody is there to be told
	}
	<-c.written
	c.cancel()
	c.following.Wait()
	if c.peer != nil {
		c.unbind()
		if err := c.peer.Close(); err != nil {
			c.log.Debug("peer closed", "err", err)
		}
		c.log.Info("peer gone")
	}
	c.drain()
}

// read handles messages until the connection is over; it returns how to close it.
func (c *conn) read() item {
	c.control()
	for {
		c.extend()
		data, i := c.next()
		if i != nil {
			return *i
		}
		if c.over() {
			return item{}
		}
		if !c.rate.Allow() {
			return item{close: websocket.ClosePolicyViolation, reason: "too many messages: send fewer than 50 a second"}
		}
		m, err := parse(data)
		if err == nil && m.Type == typeBye {
			return item{close: websocket.CloseNormalClosure, reason: "bye"}
		}
		if err == nil {
			err = c.handle(m)
		}
		if err == nil {
			continue
		}
		c.post(item{message: errorMessage(err)})
		if c.errors++; c.errors >= maxErrors {
			return item{close: websocket.ClosePolicyViolation, reason: "too many errors: see docs/SIGNALING.md"}
		}
	}
}

// control answers pings and takes pongs, while there are not too many of them.
func (c *conn) control() {
	pong := c.socket.PingHandler()
	c.socket.SetPingHandler(func(data string) error {
		if !c.rate.Allow() {
			return errFlood
		}
		return pong(data)
	})
	c.socket.SetPongHandler(func(string) error {
		if !c.rate.Allow() {
			return errFlood
		}
		if !c.idle() { // pongs alone keep nothing open
			c.extend()
		}
		return nil
	})
}

// idle tells whether nothing is carried: neither a peer nor events.
func (c *conn) idle() bool { return c.peer == nil && !c.listens }

// extend gives the client time until its next sign of life. Deadlines fail on
// a closed connection only, where the read after them tells.
func (c *conn) extend() {
	wait := c.times.Silent
	if c.idle() {
		wait = c.times.Idle
	}
	_ = c.socket.SetReadDeadline(time.Now().Add(wait))
	if c.over() { // the writer, ending just before, set a shorter one
		_ = c.socket.SetReadDeadline(time.Now().Add(farewell))
	}
}

// over tells whether the writer has ended.
func (c *conn) over() bool {
	select {
	case <-c.written:
		return true
	default:
		return false
	}
}

// next returns the next text message, or how to close.
func (c *conn) next() ([]byte, *item) {
	kind, r, err := c.socket.NextReader()
	if err != nil {
		return nil, c.broken(err)
	}
	if kind != websocket.TextMessage {
		return nil, &item{close: websocket.CloseUnsupportedData, reason: "binary message: send JSON as text"}
	}
	data, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	switch {
	case err != nil:
		return nil, c.broken(err)
	case len(data) > maxMessage:
		return nil, &item{close: websocket.CloseMessageTooBig, reason: "message larger than 65536 bytes: send less"}
	}
	return data, nil
}

// broken tells how to close after a failed read: not at all where the client has gone.
func (c *conn) broken(err error) *item {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return &item{} // answered by gorilla already
	case isTimeout(err) && c.idle():
		return &item{close: websocket.ClosePolicyViolation, reason: "idle: send publish, view or events"}
	}
	return &item{}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// post queues a message; a client too slow to take it loses the connection by the writer's deadline.
func (c *conn) post(i item) {
	select {
	case c.out <- i:
	case <-c.written:
	}
}

// drain waits for the client's answer to our close: cut off with its bytes
// unread, as the rest of a message too large, it would get a reset in place of the reason.
func (c *conn) drain() {
	_ = c.socket.SetReadDeadline(time.Now().Add(farewell))
	for {
		if _, _, err := c.socket.NextReader(); err != nil {
			return
		}
	}
}
