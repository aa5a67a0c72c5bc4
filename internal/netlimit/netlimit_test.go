package netlimit

import (
	"net"
	"net/netip"
	"testing"
)

// queue is a listener whose connections come from the addresses given.
type queue struct {
	net.Listener
	from []string
}

func (q *queue) Accept() (net.Conn, error) {
	if len(q.from) == 0 {
		return nil, net.ErrClosed
	}
	a := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(q.from[0]), 9))
	q.from = q.from[1:]
	here, there := net.Pipe()
	_ = there.Close()
	return from{here, a}, nil
}

type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

func TestListen(t *testing.T) {
	q := &queue{from: []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8::3", "127.0.0.1", "127.0.0.1", "127.0.0.1", "10.0.0.9", "10.0.0.9", "10.0.0.9", "192.0.2.7"}}
	l := Listen(q, Config{Each: 2, All: 10, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	var got []net.Conn
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		got = append(got, c)
	}
	if len(got) != 10 { // 2 + 2 + 3 + 3; the last finds no place
		t.Errorf("%d connections", len(got))
	}
	for range 2 {
		_ = got[0].Close() // once is what counts
	}
	q.from = []string{"192.0.2.1", "192.0.2.1"}
	if c, err := l.Accept(); err != nil || c.RemoteAddr().String() != "192.0.2.1:9" {
		t.Error(c, err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("a place too many")
	}
}
