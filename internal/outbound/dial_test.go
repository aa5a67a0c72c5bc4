package outbound

import (
	"errors"
	"net"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	g, err := New([]string{Public, "10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for host, ok := range map[string]bool{
		"live.example.com": true, "a.rtmp.youtube.com.": true, "localhost": true, "8.8.8.8": true, "10.1.2.3": true, "2606:4700::1111": true,
		"": false, "a b": false, "0x7f.1": false, "2130706433": false, "127.1": false, "127.0.0.1": false, "169.254.169.254": false, "::1": false, "192.168.0.1": false, "-a.example": false,
		strings.Repeat("a.", 130) + "example": false,
	} {
		if err := g.Host(host); (err == nil) != ok {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// A name that leads to this machine is not connected to, unless that is listed.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, c := range []struct {
		list []string
		addr string
		want error
	}{
		{[]string{Public}, "localhost:" + port, ErrRefused},
		{[]string{Public}, "127.0.0.1:" + port, ErrRefused},
		{[]string{Public, "127.0.0.0/8", "::1"}, "localhost:" + port, nil},
		{[]string{"127.0.0.1"}, "127.0.0.1:" + port, nil},
		{[]string{Public}, "nobody.invalid:1935", ErrUnknown},
		{[]string{Public}, "localhost:0", ErrRefused},
		{[]string{Public}, "localhost", ErrRefused},
	} {
		g, err := New(c.list)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := g.Dial(t.Context(), c.addr)
		if !errors.Is(err, c.want) {
			t.Errorf("%v, %s: %v", c.list, c.addr, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}
