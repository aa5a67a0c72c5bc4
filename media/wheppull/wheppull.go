// Package wheppull takes what a WHEP endpoint elsewhere sends, as a source on the session
// clock.
package wheppull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media/pace"
	"livedub/media/rtc"
)

// Bounds of an endpoint's answer.
const (
	mostAnswer = 256 << 10 // bytes of SDP
	leaveTime  = 3 * time.Second
)

// Times of a pull.
const (
	begins  = 15 * time.Second // until the first packet
	stalled = 10 * time.Second // without one, after which the pull ends
)

// ErrStalled ends a pull whose far end is there and sends nothing.
var ErrStalled = errors.New("nothing comes from the endpoint")

// ErrRefused is wrapped where the endpoint does not answer an offer with an answer.
var ErrRefused = errors.New("the endpoint does not take the offer")

// Config is how an endpoint is asked.
type Config struct {
	Host   *rtc.Host                   // by which media comes
	Client *http.Client                // what it may ask is its own to know
	Reach  func(netip.Addr) bool       // tells which addresses media may come from
	Bearer string                      // token that it wants to be shown; "" for none
	quiet  func() (b, s time.Duration) // of tests; nil for begins and stalled
}

// Publisher is a far end that sends: a source on the session clock.
type Publisher struct {
	*rtc.Publisher
	cfg      Config
	resource string // of the endpoint, to be deleted; "" where it named none

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	err    error
}

// Open asks an endpoint for what it has, and returns when it has answered. The pull
// lives until Close, the far end's leaving, or until nothing has come for 10 s.
func Open(ctx context.Context, at string, clock pace.Clock, c Config) (*Publisher, error) {
	p := &Publisher{cfg: c}
	var err error
	p.Publisher, err = c.Host.Pull(ctx, rtc.PublishOptions{Clock: clock}, c.Reach, func(ctx context.Context, offer string) (string, error) {
		return p.offer(ctx, at, offer)
	})
	if err != nil {
		p.leave()
		return nil, bare(err)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.wg.Go(func() {
		defer c.Client.CloseIdleConnections()
		defer p.leave()
		p.err = guard.Do("whep", p.watch)
	})
	return p, nil
}

// offer sends our offer and returns the answer.
func (p *Publisher) offer(ctx context.Context, at, offer string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Accept", "application/sdp")
	p.show(req)
	resp, err := p.cfg.Client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: it answers %s", ErrRefused, http.StatusText(resp.StatusCode))
	}
	if l := resp.Header.Get("Location"); l != "" {
		if u, err := resp.Request.URL.Parse(l); err == nil {
			p.resource = u.String()
		}
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/sdp" {
		return "", fmt.Errorf("%w: its answer is no SDP", ErrRefused)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err == nil && len(answer) > mostAnswer {
		err = fmt.Errorf("%w: its answer has more than %d bytes", ErrRefused, mostAnswer)
	}
	return string(answer), err
}

// show adds the token, if there is one. Go's client shows it to no other host that it is redirected to.
func (p *Publisher) show(r *http.Request) {
	if p.cfg.Bearer != "" {
		r.Header.Set("Authorization", "Bearer "+p.cfg.Bearer)
	}
}

// watch waits for the end, or ends a far end that sends nothing. It returns why.
func (p *Publisher) watch() error {
	first, later := begins, stalled
	if p.cfg.quiet != nil {
		first, later = p.cfg.quiet()
	}
	waited, cancel := context.WithTimeout(p.ctx, first)
	defer cancel()
	switch err := p.Publisher.Ready(waited); {
	case errors.Is(err, io.EOF):
		return errors.New("the endpoint cannot be connected to")
	case p.ctx.Err() != nil:
		return p.Publisher.Close()
	case err != nil:
		return errors.Join(fmt.Errorf("%w in %v", ErrStalled, first), p.Publisher.Close())
	}
	tick := time.NewTicker(later / 10)
	defer tick.Stop()
	for {
		select {
		case <-p.Publisher.Done():
			return nil
		case <-p.ctx.Done():
			return p.Publisher.Close()
		case <-tick.C:
			if p.Silent() > later {
				return errors.Join(fmt.Errorf("%w for %v", ErrStalled, later), p.Publisher.Close())
			}
		}
	}
}

// leave tells the endpoint that nobody listens anymore.
func (p *Publisher) leave() {
	if p.resource == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, p.resource, nil)
	if err != nil {
		return
	}
	p.show(req)
	resp, err := p.cfg.Client.Do(req)
	if err == nil { // else it finds out by itself
		resp.Body.Close()
	}
}

// Close ends the pull and waits until all is freed.
func (p *Publisher) Close() error {
	p.cancel()
	p.wg.Wait()
	return nil
}

// Err returns why the pull has ended, once it has; nil where the far end just left.
func (p *Publisher) Err() error {
	<-p.Done()
	p.wg.Wait()
	return p.err
}

// Received returns how many bytes of media have come.
func (p *Publisher) Received() uint64 { return p.Stats().Bytes }

// bare returns an error without the address that was asked for, which may hold a secret.
func bare(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
}
