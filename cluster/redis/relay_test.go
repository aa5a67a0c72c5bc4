package redis

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay passes connections on to Redis, and can keep its answers to scripts to itself.
type relay struct {
	addr  string
	muted atomic.Bool // also connections yet to come
	lost  atomic.Int64

	target string
	l      net.Listener
	mu     sync.Mutex
	open   map[net.Conn]*atomic.Bool // by which each is muted
	wg     sync.WaitGroup
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String(), target: target, l: l, open: map[net.Conn]*atomic.Bool{}}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for c := range r.open {
			c.Close()
		}
		r.mu.Unlock()
		r.wg.Wait()
	})
	return r
}

// muteOpen keeps the answers on connections that are there now.
func (r *relay) muteOpen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, muted := range r.open {
		muted.Store(true)
	}
}

func (r *relay) accept() {
	for {
		client, err := r.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			client.Close()
			continue
		}
		muted := &atomic.Bool{}
		r.mu.Lock()
		r.open[client], r.open[server] = muted, muted
		r.mu.Unlock()
		script := &atomic.Bool{} // one was asked for: what comes before is the handshake
		r.wg.Go(func() {
			pass(server, client, func(b []byte) bool {
				if bytes.Contains(b, []byte("evalsha")) {
					script.Store(true)
				}
				return true
			})
		})
		r.wg.Go(func() {
			pass(client, server, func([]byte) bool {
				if script.Load() && (r.muted.Load() || muted.Load()) {
					r.lost.Add(1)
					return false
				}
				return true
			})
		})
	}
}

// pass copies what may pass until either end closes.
func pass(to, from net.Conn, may func([]byte) bool) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if may(buf[:n]) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}
