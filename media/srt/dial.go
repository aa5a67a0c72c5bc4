package srt

import (
	"context"
	"net/netip"

	gosrt "github.com/datarhei/gosrt"

	"livedub/media/pace"
)

// CallOptions are what a listener elsewhere wants to know.
type CallOptions struct {
	StreamID   string
	Passphrase string // "" for none
}

// Called is a listener elsewhere that has answered. Publish or Close follows.
type Called struct{ conn gosrt.Conn }

// Call calls a listener, which sends. It takes 7 s at most.
func Call(ctx context.Context, to netip.AddrPort, o CallOptions) (*Called, error) {
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = o.StreamID, o.Passphrase
	conn, err := dial(ctx, to, c)
	if err != nil {
		return nil, err
	}
	return &Called{conn}, nil
}

// Publish receives until the far end leaves, or Close.
func (c *Called) Publish(clock pace.Clock) *Publisher { return publish(c.conn, clock, func() {}) }

// Close hangs up.
func (c *Called) Close() error { return c.conn.Close() }
