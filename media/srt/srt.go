// Package srt takes MPEG transport streams that encoders send by SRT, as sources on
// the session clock: from those who call, and from those that are called.
package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"livedub/internal/guard"
	"livedub/media/intake"
	"livedub/media/mpegts"
	"livedub/media/pace"
)

// ErrProtocol is wrapped by errors of what is not taken, whoever sends it.
var ErrProtocol = errors.New("no SRT stream that can be taken")

// ErrPassphrase is returned for who has another passphrase, or none, or one where none is wanted.
var ErrPassphrase = errors.New("another passphrase, or none")

// quiet is how long nothing may come from a publisher; one that is silent for longer has left.
const quiet = 30 * time.Second

// Publisher is a far end that publishes: a source on the session clock.
type Publisher struct {
	*intake.Source
	conn  gosrt.Conn
	count atomic.Uint64
	last  atomic.Int64 // UnixNano of the last message

	ctx    context.Context
	cancel context.CancelFunc
	hangUp func() error
	wg     sync.WaitGroup
	err    error // why it ended; nil where the far end just left
}

// publish receives from conn until it ends, or Close. after is called when it has.
func publish(conn gosrt.Conn, clock pace.Clock, after func()) *Publisher {
	p := &Publisher{conn: conn, hangUp: sync.OnceValue(conn.Close)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.Source = intake.New(clock, mpegts.Rate, p.stop)
	p.last.Store(time.Now().UnixNano())
	p.wg.Go(p.watch)
	p.wg.Go(func() {
		defer after()
		defer p.End()
		defer p.cancel()
		err := guard.Do("srt", func() error { return mpegts.Read(p.ctx, counted{p}, p.Source) })
		_ = p.hangUp() // the far end is told, if it is there
		if !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) {
			p.err = err
		}
	})
	return p
}

// watch hangs up on a far end that sends nothing.
func (p *Publisher) watch() {
	tick := time.NewTicker(quiet / 10)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case now := <-tick.C:
			if now.Sub(time.Unix(0, p.last.Load())) > quiet {
				_ = p.hangUp() // fails for none
			}
		}
	}
}

func (p *Publisher) stop() error {
	p.cancel()
	err := p.hangUp()
	p.wg.Wait()
	return err
}

// Err returns why the stream has ended, once it is done; nil where its far end has left.
func (p *Publisher) Err() error {
	<-p.Done()
	return p.err
}

// Received returns how many bytes have come.
func (p *Publisher) Received() uint64 { return p.count.Load() }

// counted reads a publisher's messages.
type counted struct{ *Publisher }

func (c counted) Read(b []byte) (int, error) {
	n, err := c.conn.Read(b)
	if n > 0 {
		c.count.Add(uint64(n))
		c.last.Store(time.Now().UnixNano())
	}
	return n, err
}

// Conn is a caller who asks to publish, or to receive. Publish, Send or Refuse follows.
type Conn struct {
	Asked
	req  gosrt.ConnRequest
	from netip.Addr
	end  func() // called when it has ended, or was refused
	done sync.Once
}

// From returns where the caller is.
func (c *Conn) From() netip.Addr { return c.from }

// Publish lets the caller in, and receives until it ends, or Close.
func (c *Conn) Publish(clock pace.Clock) (*Publisher, error) {
	conn, err := c.req.Accept()
	if err != nil {
		c.finish()
		return nil, fmt.Errorf("srt: %w", err)
	}
	return publish(conn, clock, c.finish), nil
}

// Send lets the caller in, who receives what the pusher sends until they leave, or Close.
func (c *Conn) Send() (*Pusher, error) {
	conn, err := c.req.Accept()
	if err != nil {
		c.finish()
		return nil, fmt.Errorf("srt: %w", err)
	}
	return send(conn, c.finish), nil
}

// Reason is why a caller is refused, in the protocol's words.
type Reason = gosrt.RejectionReason

// Reasons of Refuse.
const (
	BadRequest = gosrt.REJX_BAD_REQUEST
	NotFound   = gosrt.REJX_NOTFOUND
	Conflict   = gosrt.REJX_CONFLICT
	Overload   = gosrt.REJX_OVERLOAD
	Down       = gosrt.REJX_DOWN
	badSecret  = gosrt.REJ_BADSECRET
	unsecure   = gosrt.REJ_UNSECURE
)

// Refuse tells the caller why it is not taken.
func (c *Conn) Refuse(why Reason) {
	c.req.Reject(why)
	c.finish()
}

func (c *Conn) finish() { c.done.Do(c.end) }

// Server takes callers.
type Server struct {
	Passphrase string // that all callers must have; "" for none
	Most       int    // callers at a time
	// Serve is called for who asks, on a goroutine of its own. It takes or refuses them.
	Serve func(ctx context.Context, c *Conn)
	// Failed is told of callers that came to nothing before that, and of panics.
	Failed func(from netip.Addr, err error)
}

// Listener is where callers come.
type Listener struct{ l gosrt.Listener }

// Listen listens at a UDP address.
func Listen(addr string) (*Listener, error) {
	l, err := gosrt.Listen("srt", addr, gosrt.DefaultConfig())
	if err != nil {
		return nil, fmt.Errorf("srt: %w", err)
	}
	return &Listener{l}, nil
}

// Addr returns the address.
func (l *Listener) Addr() net.Addr { return l.l.Addr() }

// Close ends all that came here.
func (l *Listener) Close() { l.l.Close() }

// Run takes who comes at l until ctx ends, closes l and waits for all that was begun.
func (s *Server) Run(ctx context.Context, l *Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer l.Close()
	defer cancel()
	defer context.AfterFunc(ctx, l.Close)()
	there := make(chan struct{}, max(s.Most, 1))
	for {
		req, err := l.l.Accept2()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, gosrt.ErrListenerClosed) || errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		select {
		case there <- struct{}{}:
		default:
			req.Reject(gosrt.REJ_BACKLOG)
			continue
		}
		all.Go(func() {
			c := &Conn{req: req, from: fromOf(req), end: func() { <-there }}
			if err := guard.Do("srt", func() error { return s.serve(ctx, c) }); err != nil {
				c.Refuse(gosrt.REJ_IPE) // it has been answered, unless that panicked
				s.Failed(c.from, err)
			}
		})
	}
}

func fromOf(req gosrt.ConnRequest) netip.Addr {
	if a, ok := req.RemoteAddr().(*net.UDPAddr); ok && a != nil {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// serve reads what a caller wants.
func (s *Server) serve(ctx context.Context, c *Conn) error {
	req := c.req
	switch {
	case s.Passphrase == "" && req.IsEncrypted(), s.Passphrase != "" && !req.IsEncrypted():
		c.Refuse(unsecure)
		return ErrPassphrase
	case s.Passphrase != "" && req.SetPassphrase(s.Passphrase) != nil:
		c.Refuse(badSecret)
		return ErrPassphrase
	}
	var err error
	if c.Asked, err = parse(req.StreamId()); err != nil {
		c.Refuse(BadRequest)
		return err
	}
	s.Serve(ctx, c)
	return nil
}
