package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

// Public is what a list has for all names and all public addresses.
const Public = "public"

// ErrUnknown is returned for a name that has no address.
var ErrUnknown = errors.New("outbound: the host's name has no address")

// name is a host's name, which is no address in another notation.
var name = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

func isName(host string) bool { return len(host) <= 253 && name.MatchString(host) }

// Find returns the address and port, as host:port, that may be connected to: whoever
// connects does so to that, as the name may have another address by then.
func (g *Guard) Find(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: it is no host and port", ErrRefused)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("%w: %.20q is no port", ErrRefused, port)
	}
	a, err := g.Resolve(ctx, host)
	switch {
	case ctx.Err() != nil:
		return netip.AddrPort{}, ctx.Err()
	case errors.As(err, new(*net.DNSError)):
		return netip.AddrPort{}, ErrUnknown // the resolver's words name servers of ours
	case err != nil:
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

// Dial connects by TCP to an address, as host:port, that may be.
func (g *Guard) Dial(ctx context.Context, addr string) (net.Conn, error) {
	to, err := g.Find(ctx, addr)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{Timeout: dialTime, Control: g.control}).DialContext(ctx, "tcp", to.String())
}
