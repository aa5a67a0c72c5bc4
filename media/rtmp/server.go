package rtmp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"livedub/internal/guard"
)

// Server takes connections.
type Server struct {
	// Serve is called for who asks to publish, on a goroutine of its own. It takes or refuses them.
	Serve func(ctx context.Context, c *Conn)
	// Failed is told of connections that came to nothing before that, and of panics.
	Failed func(from netip.Addr, err error)
}

// Run takes what comes at l until ctx ends, closes l and waits for all that was begun.
// It fails if l does.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // fails where it is closed already
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.As(err, new(net.Error)) { // as when files run out
				select {
				case <-time.After(100 * time.Millisecond):
					continue
				case <-ctx.Done():
					return nil
				}
			}
			return err
		}
		all.Go(func() {
			from := peerOf(nc)
			err := guard.Do("rtmp", func() error {
				c, err := Accept(ctx, nc)
				if err != nil {
					return err
				}
				s.Serve(ctx, c)
				return nil
			})
			if err != nil {
				s.Failed(from, err)
			}
		})
	}
}

func peerOf(nc net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// From returns where the peer is.
func (c *Conn) From() netip.Addr { return peerOf(c.nc) }
