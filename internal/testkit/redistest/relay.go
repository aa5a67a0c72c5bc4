package redistest

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Relay passes connections on to Redis, can keep its answers to scripts to itself, and
// can cut off who comes by it.
type Relay struct {
	Addr string

	target string
	l      net.Listener
	muted  atomic.Bool
	lost   atomic.Int64
	mu     sync.Mutex
	cut    bool
	open   map[net.Conn]*atomic.Bool // by which each is muted
	wg     sync.WaitGroup
}

// NewRelay returns a relay to the server at target, for the length of a test.
func NewRelay(t testing.TB, target string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: l.Addr().String(), target: target, l: l, open: map[net.Conn]*atomic.Bool{}}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.Cut(true)
		r.wg.Wait()
	})
	return r
}

// Cut closes all connections, and those that come, until it is mended.
func (r *Relay) Cut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for c := range r.open {
			c.Close()
		}
	}
}

// Mute keeps answers to scripts, on all connections, or passes them on again.
func (r *Relay) Mute(muted bool) { r.muted.Store(muted) }

// MuteOpen keeps the answers on connections that are there now.
func (r *Relay) MuteOpen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, muted := range r.open {
		muted.Store(true)
	}
}

// Lost returns how many answers were kept.
func (r *Relay) Lost() int { return int(r.lost.Load()) }

func (r *Relay) accept() {
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
		if r.cut {
			client.Close()
			server.Close()
		}
		r.open[client], r.open[server] = muted, muted
		r.mu.Unlock()
		script := &atomic.Bool{} // one was asked for: what comes before is the handshake
		r.wg.Go(func() {
			r.pass(server, client, func(b []byte) bool {
				if bytes.Contains(b, []byte("evalsha")) {
					script.Store(true)
				}
				return true
			})
		})
		r.wg.Go(func() {
			r.pass(client, server, func([]byte) bool {
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
func (r *Relay) pass(to, from net.Conn, may func([]byte) bool) {
	defer func() {
		to.Close()
		r.mu.Lock()
		delete(r.open, from)
		r.mu.Unlock()
		from.Close()
	}()
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
