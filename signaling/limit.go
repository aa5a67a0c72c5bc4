package signaling

import (
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Take takes n tokens of a bucket, or returns how long to wait for them.
func Take(bucket *rate.Limiter, n int) (wait time.Duration, ok bool) {
	now := time.Now()
	r := bucket.ReserveN(now, n)
	if !r.OK() { // more than it ever holds
		return time.Duration(float64(n) / float64(bucket.Limit()) * float64(time.Second)), false
	}
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// newBucket returns a token bucket of perSecond on average, burst at once.
func newBucket(perSecond, burst float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(burst)))
}

// maxClients bounds what a Limiter remembers.
const maxClients = 4096

// Limiter bounds how often each client may ask. IPv6 clients count by their
// /64 network. This machine itself is not bounded.
type Limiter struct {
	PerSecond, Burst float64

	mu      sync.Mutex
	clients map[netip.Prefix]*rate.Limiter
}

// NewLimiter returns the limiter of the endpoints that make something: 10 a second, 50 at once.
func NewLimiter() *Limiter { return &Limiter{PerSecond: 10, Burst: 50} }

// Allow returns ErrRate for a client that asks too often.
func (l *Limiter) Allow(r *http.Request) error { return l.allow(client(r), 1) }

// allow takes n tokens of an address.
func (l *Limiter) allow(addr netip.Addr, n int) error {
	key, counted := network(addr)
	if !counted {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.clients[key]
	if b == nil {
		l.makeRoom(time.Now())
		b = newBucket(l.PerSecond, l.Burst)
		l.clients[key] = b
	}
	if wait, ok := Take(b, n); !ok {
		return &Error{Kind: ErrRate, Message: "too many requests from your address", Retry: wait}
	}
	return nil
}

// makeRoom forgets those who have been quiet; where nobody has, anyone.
func (l *Limiter) makeRoom(now time.Time) {
	if l.clients == nil {
		l.clients = map[netip.Prefix]*rate.Limiter{}
	}
	if len(l.clients) < maxClients {
		return
	}
	for k, b := range l.clients {
		if b.TokensAt(now) >= float64(b.Burst()) {
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
