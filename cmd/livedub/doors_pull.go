package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"livedub/internal/outbound"
	"livedub/media/hlspull"
	"livedub/media/pace"
	"livedub/media/srt"
	"livedub/media/wheppull"
	"livedub/session/spec"
	"livedub/signaling"
	"livedub/signaling/ingest"
)

// pulls asks elsewhere for the speakers of sessions, as the operator wants.
type pulls struct {
	guard *outbound.Guard // nil: nobody is asked
	door  *ingest.Door
	calls *calls
	log   *slog.Logger

	ctx  context.Context
	stop context.CancelFunc

	mu   sync.Mutex // holds begin and Close apart
	over bool
	wg   sync.WaitGroup
}

func newPulls(hosts []string, door *ingest.Door, c *calls, log *slog.Logger) (*pulls, error) {
	p := &pulls{door: door, calls: c, log: log}
	p.ctx, p.stop = context.WithCancel(context.Background())
	if len(hosts) == 0 {
		return p, nil
	}
	var err error
	if p.guard, err = outbound.New(hosts); err != nil {
		return nil, fmt.Errorf("serve.pull_hosts: %w", err)
	}
	return p, nil
}

const (
	segmentTime = 30 * time.Second // for one request
	answerTime  = 10 * time.Second // of a WHEP endpoint
	redial      = 2 * time.Second
)

// pull returns what begins to pull from an address.
func (p *pulls) pull(at string) (begin func(pace.Clock) (ingest.Publisher, error), protocol string, err error) {
	bad := func(format string, args ...any) (func(pace.Clock) (ingest.Publisher, error), string, error) {
		return nil, "", signaling.ErrBadRequest.Errorf("source: "+format, args...)
	}
	if p == nil || p.guard == nil {
		return bad("this server pulls nothing: the operator lists the hosts that may be asked in serve.pull_hosts")
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" {
		return bad("the url is no address: give https://HOST/PATH.m3u8, wheps://HOST/PATH or srt://HOST:PORT?streamid=NAME")
	}
	if err := p.guard.URL(u, "http", "https", "whep", "wheps", "srt"); err != nil {
		return bad("%w", err)
	}
	if u.Scheme == "srt" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return bad("the url has no port: give srt://HOST:PORT?streamid=NAME")
		}
		if s := u.Query().Get("passphrase"); s != "" && (len(s) < 10 || len(s) > 79) {
			return bad("the passphrase has %d characters; 10 to 79 are what SRT takes", len(s))
		}
		return func(c pace.Clock) (ingest.Publisher, error) { return p.call(u, uint16(port), c) }, "srt", nil
	}
	if secure, is := whepScheme(u.Scheme); is {
		u.Scheme = secure
		return func(c pace.Clock) (ingest.Publisher, error) { return p.watch(u, c) }, "whep", nil
	}
	return func(c pace.Clock) (ingest.Publisher, error) {
		return hlspull.Open(at, c, hlspull.Config{
			Client: p.guard.Client(segmentTime), GiveUp: comeBack, Final: func(err error) bool { return errors.Is(err, outbound.ErrRefused) }, Log: p.log,
		}), nil
	}, "hls", nil
}

// whepScheme returns by which scheme of HTTP a WHEP endpoint is asked, false for what is none.
func whepScheme(scheme string) (string, bool) {
	by, ok := map[string]string{"whep": "http", "wheps": "https"}[scheme]
	return by, ok
}

// watch asks a WHEP endpoint. What stands before an "@" in its address is a bearer token.
func (p *pulls) watch(u *url.URL, c pace.Clock) (ingest.Publisher, error) {
	ctx, cancel := context.WithTimeout(p.ctx, answerTime)
	defer cancel()
	at := *u
	at.User = nil
	out, err := wheppull.Open(ctx, at.String(), c, wheppull.Config{
		Host: p.calls.host, Client: p.guard.Client(answerTime), Bearer: u.User.Username(),
		Reach: func(a netip.Addr) bool { return p.guard.Addr(a) == nil },
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// call calls an SRT listener.
func (p *pulls) call(u *url.URL, port uint16, c pace.Clock) (ingest.Publisher, error) {
	addr, err := p.guard.Resolve(p.ctx, u.Hostname())
	if err != nil {
		return nil, err
	}
	q := u.Query()
	called, err := srt.Call(p.ctx, netip.AddrPortFrom(addr, port), srt.CallOptions{StreamID: q.Get("streamid"), Passphrase: q.Get("passphrase")})
	if err != nil {
		return nil, err
	}
	return called.Publish(c), nil
}

// begin pulls for a session until that ends, or nothing has come for a minute.
func (p *pulls) begin(id string, begin func(pace.Clock) (ingest.Publisher, error), protocol string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.wg.Go(func() {
		last := time.Now() // when something came
		for {
			err := p.door.Pull(p.ctx, id, pulled{begin, protocol})
			if err == nil {
				last = time.Now()
			}
			if err == nil && protocol == "hls" || p.gone(id) { // which has tried again by itself
				return
			}
			if errors.Is(err, outbound.ErrRefused) || time.Since(last) > comeBack {
				p.log.Warn("no publisher: the address is asked no more", "session", id, "protocol", protocol, "err", bareDial(err))
				return
			}
			if err != nil {
				p.log.Info("no publisher: the address is asked again", "session", id, "protocol", protocol, "err", bareDial(err))
			}
			select {
			case <-time.After(redial):
			case <-p.ctx.Done():
				return
			}
		}
	})
}

// gone tells whether a session has ended.
func (p *pulls) gone(id string) bool {
	_, err := p.calls.manager.Get(id)
	return errors.Is(err, spec.ErrNotFound)
}

// bareDial returns an error without the name that was looked up: an address may be a secret.
func bareDial(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New(dns.Err)
	}
	return err
}

// Close ends all pulls and waits for them.
func (p *pulls) Close() {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.stop()
	p.wg.Wait()
}

// pulled is somebody who is asked.
type pulled struct {
	begin    func(pace.Clock) (ingest.Publisher, error)
	protocol string
}

func (p pulled) Ask() ingest.Ask                              { return ingest.Ask{Protocol: p.protocol} }
func (p pulled) Begin(c pace.Clock) (ingest.Publisher, error) { return p.begin(c) }
func (p pulled) Refuse(signaling.Error)                       {}
