package redis

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay passes connections on to Redis, and can keep its answers to itself.
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
		r.wg.Go(func() { io.Copy(server, client); server.Close() })
		r.wg.Go(func() { r.answer(client, server, muted); client.Close() })
	}
}

func (r *relay) answer(client, server net.Conn, muted *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if r.muted.Load() || muted.Load() {
			r.lost.Add(1)
			continue
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
