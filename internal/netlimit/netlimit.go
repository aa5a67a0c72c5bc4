// Package netlimit bounds how many connections a listener holds.
package netlimit

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Config is how many connections there may be; 0 is no bound.
type Config struct {
	Each, All int            // of an address (a /64 of IPv6), and of all
	Exempt    []netip.Prefix // addresses that many clients come by, as proxies: they count in All only; this machine does too
}

// Listen returns l, which closes connections beyond the bounds as soon as they come.
func Listen(l net.Listener, c Config) net.Listener {
	return &listener{Listener: l, cfg: c, by: map[netip.Prefix]int{}}
}

type listener struct {
	net.Listener
	cfg Config

	mu   sync.Mutex
	held int
	by   map[netip.Prefix]int
}

// Accept returns the next connection within the bounds.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := l.key(c.RemoteAddr())
		if !l.enter(key) {
			_ = c.Close() // there is nobody to tell
			continue
		}
		return &conn{Conn: c, leave: sync.OnceFunc(func() { l.leave(key) })}, nil
	}
}

// key is what a connection's address counts as; the zero prefix for none.
func (l *listener) key(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := t.AddrPort().Addr().Unmap()
	if addr.IsLoopback() || slices.ContainsFunc(l.cfg.Exempt, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits) // bits are an address's
	return p
}

func (l *listener) enter(key netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.All > 0 && l.held >= l.cfg.All || l.cfg.Each > 0 && key.IsValid() && l.by[key] >= l.cfg.Each {
		return false
	}
	l.held++
	l.by[key]++
	return true
}

func (l *listener) leave(key netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held--
	if l.by[key]--; l.by[key] == 0 {
		delete(l.by, key)
	}
}

// conn leaves its place when it is closed.
type conn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}
