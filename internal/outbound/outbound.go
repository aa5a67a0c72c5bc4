// Package outbound makes connections to addresses that somebody else names, without
// letting them choose where in our own network those lead (SSRF): only hosts that the
// operator has listed are asked, and no address but public ones is dialed, whatever
// a name resolves to, and wherever an answer redirects.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrRefused is wrapped by errors of addresses that are not asked.
var ErrRefused = errors.New("outbound: not allowed")

// Guard knows what may be asked.
type Guard struct {
	public bool           // all hosts at public addresses
	names  []string       // in lower case; "*.example.com" for all below, not itself
	nets   []netip.Prefix // also where they are not public
}

// New returns a guard that lets what is listed be asked: names as cdn.example.com or
// *.example.com, which must resolve to public addresses, and addresses or networks,
// as 10.0.0.7 or 10.0.0.0/24, whatever they are. Public stands for all names, and all
// public addresses.
func New(hosts []string) (*Guard, error) {
	g := &Guard{}
	for _, h := range hosts {
		h = strings.ToLower(strings.Trim(strings.TrimSpace(h), "[]"))
		if h == Public {
			g.public = true
			continue
		}
		if a, err := netip.ParseAddr(h); err == nil {
			a = a.Unmap()
			g.nets = append(g.nets, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		if p, err := netip.ParsePrefix(h); err == nil {
			g.nets = append(g.nets, p.Masked())
			continue
		}
		if h == "" || h == "*" || strings.Contains(strings.TrimPrefix(h, "*."), "*") || strings.ContainsAny(h, "/:@ ") {
			return nil, fmt.Errorf("%q is no host name, address or network: list each that may be asked, as cdn.example.com, *.example.com or 10.0.0.0/24", h)
		}
		g.names = append(g.names, strings.TrimSuffix(h, "."))
	}
	return g, nil
}

// Host refuses a host, by its name or address, that is not listed.
func (g *Guard) Host(host string) error {
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		if g.public {
			return g.Addr(a)
		}
		if g.listed(a.Unmap()) {
			return nil
		}
		return fmt.Errorf("%w: the address is not listed", ErrRefused)
	}
	if g.public && isName(host) {
		return nil
	}
	for _, n := range g.names {
		if below, all := strings.CutPrefix(n, "*"); n == host || all && strings.HasSuffix(host, below) && len(host) > len(below) {
			return nil
		}
	}
	return fmt.Errorf("%w: the host is not listed", ErrRefused)
}

// URL refuses an address whose scheme is none of those or whose host is not listed.
func (g *Guard) URL(u *url.URL, schemes ...string) error {
	for _, s := range schemes {
		if u.Scheme == s {
			return g.Host(u.Hostname())
		}
	}
	return fmt.Errorf("%w: give one of %s://", ErrRefused, strings.Join(schemes, ":// "))
}

func (g *Guard) listed(a netip.Addr) bool {
	for _, p := range g.nets {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// inner are networks that netip's own methods do not call private, and that lead
// inside all the same, or nowhere.
var inner = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Addr refuses an address that is neither public nor listed.
func (g *Guard) Addr(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if g.listed(a) {
		return nil
	}
	public := a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
	for _, p := range inner {
		public = public && !p.Contains(a)
	}
	if !public {
		return fmt.Errorf("%w: the host's address is not public", ErrRefused)
	}
	return nil
}

// control is asked about each address that is about to be dialed, when its name has been resolved.
func (g *Guard) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return g.Addr(a.Addr())
}

// Resolve returns an address of a listed host that may be dialed.
func (g *Guard) Resolve(ctx context.Context, host string) (netip.Addr, error) {
	if err := g.Host(host); err != nil {
		return netip.Addr{}, err
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", strings.Trim(host, "[]"))
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range all {
		if err = g.Addr(a); err == nil {
			return a.Unmap(), nil
		}
	}
	return netip.Addr{}, err
}

const (
	dialTime     = 5 * time.Second
	headerTime   = 10 * time.Second
	mostRedirect = 5
	mostHeader   = 64 << 10 // bytes
)

// Client returns a client that asks nobody else, by HTTP and HTTPS. Each request has at
// most that long, its body included. The caller closes its idle connections.
func (g *Guard) Client(most time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime, Control: g.control}
	return &http.Client{
		Timeout: most,
		Transport: guarded{g, &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: headerTime,
			MaxResponseHeaderBytes: mostHeader, MaxConnsPerHost: 8, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
		}},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > mostRedirect {
				return fmt.Errorf("%w: more than %d redirects", ErrRefused, mostRedirect)
			}
			return nil
		},
	}
}

// guarded looks at every request, redirected ones too.
type guarded struct {
	*Guard
	to *http.Transport
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.URL(r.URL, "http", "https"); err != nil {
		return nil, err
	}
	return g.to.RoundTrip(r)
}

// CloseIdleConnections is what http.Client's calls.
func (g guarded) CloseIdleConnections() { g.to.CloseIdleConnections() }
