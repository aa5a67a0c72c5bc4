package redistest

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"livedub/internal/testkit/netem"
)

// Relay is a relay to Redis that can keep the answers to scripts to itself as well.
type Relay struct {
	*netem.TCP
	lost atomic.Int64

	mu    sync.Mutex
	muted bool           // those that come
	conns []*atomic.Bool // whether each that came is muted
}

// NewRelay returns a relay to the server at target, for the length of a test.
func NewRelay(t testing.TB, target string) *Relay {
	t.Helper()
	tcp, err := netem.NewTCP(0, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	r := &Relay{TCP: tcp}
	tcp.Filter(r.filter)
	return r
}

// Mute keeps answers to scripts, on all connections, or passes them on again.
func (r *Relay) Mute(muted bool) {
	r.mute(muted)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.muted = muted
}

// MuteOpen keeps the answers on connections that are there now.
func (r *Relay) MuteOpen() { r.mute(true) }

func (r *Relay) mute(muted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Store(muted)
	}
}

// Lost returns how many answers were kept.
func (r *Relay) Lost() int { return int(r.lost.Load()) }

// filter is called for each connection.
func (r *Relay) filter() (up, down func([]byte) bool) {
	var script, muted atomic.Bool // one was asked for: what comes before is the handshake
	r.mu.Lock()
	defer r.mu.Unlock()
	muted.Store(r.muted)
	r.conns = append(r.conns, &muted)
	up = func(b []byte) bool {
		if bytes.Contains(b, []byte("evalsha")) {
			script.Store(true)
		}
		return true
	}
	down = func([]byte) bool {
		if script.Load() && muted.Load() {
			r.lost.Add(1)
			return false
		}
		return true
	}
	return up, down
}
