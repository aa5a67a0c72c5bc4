package netem

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
)

// echo is a server that answers each packet with its sender's address and the packet.
func echo(t *testing.T, address string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		groundtest.Skip(t, "no socket on %s here: %v", address, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if _, err := c.WriteToUDPAddrPort(fmt.Appendf(nil, "%v %s", from, buf[:n]), from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func relay(t *testing.T, c Config) *Relay {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func client(t *testing.T, r *Relay) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends text and returns the answer: the address that the server saw, and the text.
func ask(t *testing.T, c *net.UDPConn, text string) (from, back string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	a, b, _ := bytes.Cut(buf[:n], []byte(" "))
	return string(a), string(b)
}

func TestClientsAreKeptApart(t *testing.T) {
	for _, server := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(server, func(t *testing.T) {
			r := relay(t, Config{Target: echo(t, server).String()})
			if want := netip.MustParseAddr("127.0.0.2"); r.Addr().Addr().Is4() && r.Addr().Addr() != want {
				t.Errorf("clients send to %v", r.Addr())
			}
			seen := map[string]bool{}
			clients := []*net.UDPConn{client(t, r), client(t, r), client(t, r)}
			for round := range 3 {
				for i, c := range clients {
					text := fmt.Sprintf("hello %d from %d", round, i)
					from, back := ask(t, c, text)
					if back != text {
						t.Errorf("asked %q, got %q", text, back)
					}
					if addr := netip.MustParseAddrPort(from); addr.Addr() != r.Addr().Addr() || addr == r.Addr() {
						t.Errorf("the server sees %v", addr)
					}
					seen[from] = true
				}
			}
			if len(seen) != 3 || r.Clients() != 3 {
				t.Errorf("the server sees %d clients, the relay %d", len(seen), r.Clients())
			}
			if u, d := r.Counters(Up), r.Counters(Down); u.Received != 9 || u.Sent != 9 || d.Received != 9 || d.Sent != 9 {
				t.Errorf("up %+v, down %+v", u, d)
			}
		})
	}
}

func TestFaultsChangeWhileRunning(t *testing.T) {
	r := relay(t, Config{Seed: 4, Target: echo(t, "127.0.0.1:0").String()})
	c := client(t, r)
	ask(t, c, "before")
	if err := r.Set(Up, Faults{Loss: 1}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := c.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
	}
	for r.Counters(Up).Lost < 20 {
		time.Sleep(ms)
	}
	if err := r.Set(Up, Faults{}); err != nil {
		t.Fatal(err)
	}
	if _, back := ask(t, c, "after"); back != "after" {
		t.Errorf("got %q", back)
	}
	if err := r.Set(Down, Faults{Delay: 200 * ms}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ask(t, c, "slow")
	if took := time.Since(begin); took < 200*ms {
		t.Errorf("the answer took %v", took)
	}
	if r.Set(Down, Faults{Loss: 2}) == nil {
		t.Error("a loss of 2 was taken")
	}
	r.Blackout(0, time.Minute)
	if _, err := c.Write([]byte("dark")); err != nil {
		t.Fatal(err)
	}
	for r.Counters(Up).Blackout < 1 {
		time.Sleep(ms)
	}
}

// Two runs lose the same packets.
func TestRunsRepeat(t *testing.T) {
	target := echo(t, "127.0.0.1:0").String()
	run := func() (kept []uint32) {
		r := relay(t, Config{Seed: 11, Target: target, Up: Faults{Loss: .3, Burst: 3}})
		c := client(t, r)
		for i := range uint32(200) {
			if _, err := c.Write(binary.BigEndian.AppendUint32([]byte("n"), i)); err != nil {
				t.Fatal(err)
			}
			for u := r.Counters(Up); u.Received <= uint64(i); u = r.Counters(Up) {
				time.Sleep(50 * time.Microsecond)
			}
		}
		sent := int(200 - r.Counters(Up).Lost)
		buf := make([]byte, 2000)
		for len(kept) < sent {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, binary.BigEndian.Uint32(buf[n-4:n]))
		}
		return kept
	}
	a, b := run(), run()
	if len(a) < 80 || len(a) > 180 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("first %v, then %v", a, b)
	}
}

func TestServerAway(t *testing.T) {
	gone, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	target := gone.LocalAddr().String()
	gone.Close()
	r := relay(t, Config{Target: target})
	c := client(t, r)
	for range 5 {
		if _, err := c.Write([]byte("anyone?")); err != nil {
			t.Fatal(err)
		}
	}
	for u := r.Counters(Up); u.Sent+u.Refused < 5; u = r.Counters(Up) {
		time.Sleep(ms)
	}
	echo(t, target) // it comes back
	ask(t, c, "again")
}

func TestLoopbackOnly(t *testing.T) {
	for _, c := range []Config{
		{Target: "192.0.2.1:8443"}, {Target: "0.0.0.0:8443"}, {Target: "localhost:8443"}, {Target: ""}, {Target: "127.0.0.1:0"},
		{Target: "127.0.0.1:8443", Listen: "0.0.0.0:0"}, {Target: "127.0.0.1:8443", Listen: "[::1]:0"}, {Target: "127.0.0.1:8443", Listen: ":0"},
		{Target: "[2001:db8::1]:8443"}, {Target: "127.0.0.1:8443", Up: Faults{Loss: 3}},
	} {
		if r, err := New(c); err == nil {
			r.Close()
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestCloseTwiceAndWhileBusy(t *testing.T) {
	r := relay(t, Config{Target: echo(t, "127.0.0.1:0").String(), Down: Faults{Delay: time.Minute}})
	c := client(t, r)
	for range 10 {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for r.Counters(Down).Received == 0 {
		time.Sleep(ms)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
