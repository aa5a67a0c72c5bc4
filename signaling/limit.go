package signaling

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bucket is a token bucket: PerSecond on average, Burst at once. Its owner guards it.
type Bucket struct {
	PerSecond, Burst float64

	used float64
	at   time.Time
}

// Take takes one token, or returns how long to wait for it.
func (b *Bucket) Take(now time.Time) (wait time.Duration, ok bool) { return b.take(now, 1) }

// take takes n tokens, or returns how long to wait for them.
func (b *Bucket) take(now time.Time, n float64) (wait time.Duration, ok bool) {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*b.PerSecond)
	b.at = now
	if b.used+n > b.Burst {
		return time.Duration((b.used + n - b.Burst) / b.PerSecond * float64(time.Second)), false
	}
	b.used += n
	return 0, true
}

// maxClients bounds what a Limiter remembers.
const maxClients = 4096

// Limiter bounds how often each client may ask. IPv6 clients count by their
// /64 network. This machine itself is not bounded.
type Limiter struct {
	PerSecond, Burst float64

	mu      sync.Mutex
	clients map[netip.Prefix]*Bucket
}

// NewLimiter returns the limiter of the endpoints that make something: 10 a second, 50 at once.
func NewLimiter() *Limiter { return &Limiter{PerSecond: 10, Burst: 50} }

// Allow returns ErrRate for a client that asks too often.
func (l *Limiter) Allow(r *http.Request) error { return l.allow(client(r), 1) }

// allow takes n tokens of an address.
func (l *Limiter) allow(addr netip.Addr, n float64) error {
	key, counted := network(addr)
	if !counted {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	b := l.clients[key]
	if b == nil {
		l.makeRoom(now)
		b = &Bucket{PerSecond: l.PerSecond, Burst: l.Burst}
		l.clients[key] = b
	}
	if wait, ok := b.take(now, n); !ok {
		return &Error{Kind: ErrRate, Message: "too many requests from your address", Retry: wait}
	}
	return nil
}

// makeRoom forgets those who have been quiet; where nobody has, anyone.
func (l *Limiter) makeRoom(now time.Time) {
	if l.clients == nil {
		l.clients = map[netip.Prefix]*Bucket{}
	}
	if len(l.clients) < maxClients {
		return
	}
	for k, b := range l.clients {
		if now.Sub(b.at).Seconds()*b.PerSecond >= b.used {
			delete(l.clients, k)
		}
	}
	for k := range l.clients {
		if len(l.clients) < maxClients {
			return
		}
		delete(l.clients, k)
	}
}
