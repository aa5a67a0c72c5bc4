package netem

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// echoes returns the address of a server that sends each line back, with its name before it.
func echoes(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					fmt.Fprintf(c, "%s %s\n", name, in.Text())
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// say sends a line and returns what comes back within a time.
func say(t *testing.T, c net.Conn, line string, within time.Duration) (string, error) {
	t.Helper()
	c.SetDeadline(time.Now().Add(within))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(got), err
}

func dial(t *testing.T, r *TCP) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func tcpRelay(t *testing.T, delay time.Duration, targets ...string) *TCP {
	t.Helper()
	r, err := NewTCP(delay, targets...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestTCPDelays(t *testing.T) {
	r := tcpRelay(t, 60*time.Millisecond, echoes(t, "a"))
	c := dial(t, r)
	began := time.Now()
	if got, err := say(t, c, "x", 5*time.Second); err != nil || got != "a x" {
		t.Fatalf("%q, %v", got, err)
	}
	if took := time.Since(began); took < 120*time.Millisecond {
		t.Errorf("there and back in %v", took)
	}
	c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("the end: %q, %v", rest, err)
	}
}

// TestTCPFaults: a black hole keeps connections and holds all back; a kill resets them.
func TestTCPFaults(t *testing.T) {
	r := tcpRelay(t, 0, echoes(t, "a"))
	old := dial(t, r)
	if _, err := say(t, old, "x", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	r.Blackhole()
	fresh := dial(t, r)
	for _, c := range []net.Conn{old, fresh} {
		if got, err := say(t, c, "held", 200*time.Millisecond); err == nil {
			t.Errorf("through a black hole: %q", got)
		}
	}
	r.Restore()
	for _, c := range []net.Conn{old, fresh} {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || got != "a held\n" {
			t.Errorf("what was held back: %q, %v", got, err)
		}
	}
	r.Kill()
	for _, c := range []net.Conn{old, fresh, dial(t, r)} {
		if got, err := say(t, c, "x", 5*time.Second); err == nil {
			t.Errorf("after a kill: %q", got)
		}
	}
	r.Restore()
	if got, err := say(t, dial(t, r), "y", 5*time.Second); err != nil || got != "a y" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTCPFilter: what a filter keeps, either way, is lost, and the connection goes on.
func TestTCPFilter(t *testing.T) {
	r := tcpRelay(t, 0, echoes(t, "a"))
	r.Filter(func() (up, down func([]byte) bool) {
		return func(b []byte) bool { return !strings.HasPrefix(string(b), "up") },
			func(b []byte) bool { return !strings.HasPrefix(string(b), "a down") }
	})
	c := dial(t, r)
	for _, lost := range []string{"up", "down"} {
		if got, err := say(t, c, lost, 200*time.Millisecond); err == nil {
			t.Errorf("%s: %q", lost, got)
		}
	}
	if got, err := say(t, c, "x", 5*time.Second); err != nil || got != "a x" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTCPOnly: faults are for connections that begin with certain words.
func TestTCPOnly(t *testing.T) {
	r := tcpRelay(t, 0, echoes(t, "a"))
	r.Only("link")
	link, other := dial(t, r), dial(t, r)
	for _, c := range []net.Conn{link, other} {
		line := "linked"
		if c == other {
			line = "others"
		}
		if got, err := say(t, c, line, 5*time.Second); err != nil || got != "a "+line {
			t.Fatalf("%q, %v", got, err)
		}
	}
	for name, fault := range map[string]func(){"kill": r.Kill, "black hole": r.Blackhole} {
		fault()
		for _, c := range []net.Conn{other, dial(t, r)} {
			if got, err := say(t, c, "others", 5*time.Second); err != nil || got != "a others" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		for _, c := range []net.Conn{link, dial(t, r)} {
			if got, err := say(t, c, "linked", 200*time.Millisecond); err == nil {
				t.Errorf("%s: %q", name, got)
			}
		}
		r.Restore()
	}
}

// TestTCPTargets: targets take turns; one that does not listen is passed over.
func TestTCPTargets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	r := tcpRelay(t, 0, echoes(t, "a"), gone, echoes(t, "b"))
	seen := map[string]int{}
	for range 6 {
		got, err := say(t, dial(t, r), "x", 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		seen[got]++
	}
	if seen["a x"] != 2 || seen["b x"] != 4 {
		t.Errorf("%v", seen)
	}
	if _, err := NewTCP(0, "192.0.2.1:80"); err == nil {
		t.Error("it relays to other machines")
	}
	if _, err := NewTCP(0); err == nil {
		t.Error("it relays to nothing")
	}
}
