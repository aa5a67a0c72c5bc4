package groundtest

import (
	"net"
	"testing"
)

// FreeAddr returns an address of this machine, "127.0.0.1:PORT", that a server
// can listen on by TCP, and listen on again.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
