package netem

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxClients bounds the sockets of one relay.
const maxClients = 1024

// Config says what a Relay joins.
type Config struct {
	Seed   uint64
	Target string // the server, "127.0.0.1:8443"
	Listen string // where clients send to; "": 127.0.0.2:0, or [::1]:0 for an IPv6 server
	Up     Faults
	Down   Faults
}

// Relay is the bad network. Towards the server each client has an address of
// its own, as behind a router.
type Relay struct {
	target netip.AddrPort
	front  *net.UDPConn // clients
	lines  [2]*line
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	clients map[netip.AddrPort]*net.UDPConn // by client, the socket towards the server
	closed  bool
}

// New starts a relay.
func New(c Config) (*Relay, error) {
	if err := errors.Join(c.Up.check(), c.Down.check()); err != nil {
		return nil, err
	}
	target, err := loopback(c.Target)
	if err != nil {
		return nil, err
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.2:0"
		if target.Addr().Is6() {
			c.Listen = "[::1]:0"
		}
	}
	listen, err := loopback(c.Listen)
	if err != nil {
		return nil, err
	}
	if target.Port() == 0 || listen.Addr().Is4() != target.Addr().Is4() {
		return nil, fmt.Errorf("badnet: from %v to %v: give two addresses of one family, the target with its port", listen, target)
	}
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(listen))
	if err != nil {
		return nil, fmt.Errorf("badnet: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Relay{target: target, front: front, stop: stop, clients: map[netip.AddrPort]*net.UDPConn{}}
	start := time.Now()
	for d, f := range []Faults{Up: c.Up, Down: c.Down} {
		r.lines[d] = newLine(start, c.Seed*2+uint64(d), f)
		r.all.Go(func() { r.lines[d].run(ctx) })
	}
	r.all.Go(r.serve)
	return r, nil
}

// loopback reads an address and refuses all but this machine's own.
func loopback(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("badnet: address %q: give one like 127.0.0.1:8443", s)
	}
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	if !a.Addr().IsLoopback() {
		return a, fmt.Errorf("badnet: %v is no loopback address: badnet only relays within this machine", a)
	}
	return a, nil
}

// Addr returns where clients send to.
func (r *Relay) Addr() netip.AddrPort { return r.front.LocalAddr().(*net.UDPAddr).AddrPort() }

// Set changes what happens to the packets of a direction, from the next on;
// those under way go on as they were.
func (r *Relay) Set(d Direction, f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	r.lines[d&1].set(f)
	return nil
}

// Blackout drops everything, both ways, that comes in for a length of time from
// after now on. What is under way arrives.
func (r *Relay) Blackout(after, length time.Duration) {
	for _, l := range r.lines {
		l.blackout(after, length)
	}
}

// Counters returns what became of a direction's packets until now.
func (r *Relay) Counters(d Direction) Counters { return r.lines[d&1].counters() }

// Clients returns how many addresses have sent anything.
func (r *Relay) Clients() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.clients)
}

// Close drops what is under way, closes all sockets and waits for all goroutines.
func (r *Relay) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		r.front.Close()
		for _, c := range r.clients {
			c.Close()
		}
		r.stop()
	}
	r.mu.Unlock()
	r.all.Wait()
	return nil
}

// serve takes the clients' packets in.
func (r *Relay) serve() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of a client that has gone
		}
		up := r.upstream(from)
		if up == nil {
			r.lines[Up].refuse()
			continue
		}
		r.lines[Up].add(buf[:n], func(b []byte) error {
			_, err := up.Write(b)
			return err
		})
	}
}

// upstream returns the client's socket towards the server, nil if there can be none.
func (r *Relay) upstream(client netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[client]; c != nil || r.closed || len(r.clients) >= maxClients {
		return c
	}
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.Addr().Addr(), 0))
	c, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(r.target))
	if err != nil {
		return nil
	}
	r.clients[client] = c
	r.all.Go(func() { r.answer(c, client) })
	return c
}

// answer takes in what the server sends to one client.
func (r *Relay) answer(c *net.UDPConn, client netip.AddrPort) {
	buf := make([]byte, 1<<16)
	for {
		n, err := c.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error: the server does not listen, for now
		}
		r.lines[Down].add(buf[:n], func(b []byte) error {
			_, err := r.front.WriteToUDPAddrPort(b, client)
			return err
		})
	}
}
