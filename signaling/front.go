package signaling

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// FrontConfig is how requests are let in before anybody looks at them.
type FrontConfig struct {
	Proxies   []netip.Prefix // whose X-Forwarded-* headers are believed; nil for this machine's
	PerSecond float64        // requests of each address; 0 for no bound. Four times as many at once
	Log       *slog.Logger   // nil for none
}

// Front stands before all endpoints: it knows where requests come from, bounds how
// many each address may send, and ends those whose body never comes.
type Front struct {
	cfg   FrontConfig
	limit *Limiter
	media *Limiter // of requests for HLS, which a player sends many of

	mu      sync.Mutex
	reading map[*body]struct{} // of requests being served
	leaving bool
}

// mediaTimes is how many times as often an address may ask for HLS: a player that follows
// the newest parts of picture and sound asks ten times a second.
const mediaTimes = 20

// leaveTime is how long a body may still take once the server leaves or its request has been answered.
const leaveTime = 500 * time.Millisecond

var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// NewFront returns a front.
func NewFront(c FrontConfig) *Front {
	if c.Proxies == nil {
		c.Proxies = thisMachine
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	f := &Front{cfg: c, reading: map[*body]struct{}{}}
	if c.PerSecond > 0 {
		f.limit = &Limiter{PerSecond: c.PerSecond, Burst: 4 * c.PerSecond}
		f.media = &Limiter{PerSecond: mediaTimes * c.PerSecond, Burst: 4 * mediaTimes * c.PerSecond}
	}
	return f
}

// Guard returns h behind the front.
func (f *Front) Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), cameKey{}, f.whence(r)))
		b := &body{ReadCloser: r.Body, control: http.NewResponseController(w)}
		r.Body = b
		if r.ContentLength != 0 {
			f.begin(b)
			defer f.end(b)
		}
		if f.limit != nil && !slices.Contains(unguarded, r.URL.Path) {
			limit := f.limit
			if strings.HasPrefix(r.URL.Path, "/hls/") {
				limit = f.media
			}
			if err := limit.Allow(r); err != nil {
				WriteError(w, r, f.cfg.Log, err)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// Leave gives the bodies under way, and those that come, half a second more.
func (f *Front) Leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving = true
	for b := range f.reading {
		b.hasten()
	}
}

func (f *Front) begin(b *body) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading[b] = struct{}{}
	if f.leaving {
		b.hasten()
	}
}

// end leaves the server little time for the rest of a body that nobody read.
func (f *Front) end(b *body) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.reading, b)
	b.hasten()
}

// body is a request's, which knows whether it has been read to its end.
type body struct {
	io.ReadCloser
	control *http.ResponseController

	mu   sync.Mutex
	over bool
	last time.Time // by when it must have come, whatever its reader grants; zero: the reader says
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.mu.Lock()
		b.over = true
		b.mu.Unlock()
	}
	return n, err
}

func (b *body) hasten() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over && b.last.IsZero() {
		b.last = time.Now().Add(leaveTime)
		_ = b.control.SetReadDeadline(b.last) // fails where the connection is another's by now
	}
}

// grant gives the body until t to arrive, or less where the server leaves.
func (b *body) grant(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() && b.last.Before(t) {
		t = b.last
	}
	return b.control.SetReadDeadline(t)
}

// cameKey is the key of where a request came from.
type cameKey struct{}

// came is where a request came from: the client's address, and whether a proxy that is believed sent it.
type came struct {
	addr    netip.Addr
	proxied bool
}

func (f *Front) whence(r *http.Request) came {
	if p, ok := PassOf(r.Context()); ok {
		return came{addr: p.Client.Unmap(), proxied: true}
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return came{}
	}
	c := came{addr: ap.Addr().Unmap()}
	if c.proxied = f.proxy(c.addr); !c.proxied {
		return c
	}
	// Each proxy adds whom it was asked by: the last that is no proxy of ours is the client.
	via := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, v := range slices.Backward(via) {
		a, err := netip.ParseAddr(strings.TrimSpace(v))
		if err != nil {
			return c
		}
		if c.addr = a.Unmap(); !f.proxy(c.addr) {
			return c
		}
	}
	return c
}

func (f *Front) proxy(a netip.Addr) bool {
	return slices.ContainsFunc(f.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// clientOf returns the client that a request's context tells; invalid where no front stood before it.
func clientOf(ctx context.Context) netip.Addr {
	c, _ := ctx.Value(cameKey{}).(came)
	return c.addr
}
