package hlspull

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"livedub/internal/guard"
)

const (
	distance     = 3       // segments from a live playlist's end, where it is begun
	mostPlaylist = 1 << 20 // bytes
)

// run follows the playlist. Where that fails it goes on with the first segment that has come since.
func (p *Publisher) run() error {
	for {
		had := p.count.Load()
		err := bare(p.follow())
		if errors.Is(err, gohlslib.ErrClientEOS) {
			return nil
		}
		if err := p.over(err); err != nil {
			return err
		}
		p.cfg.Log.Warn("the pulled playlist fails or stands still: it is asked for again", "err", err, "silent", p.idle().Round(time.Second).String())
		if err := p.await(p.count.Load() > had); errors.Is(err, gohlslib.ErrClientEOS) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// over returns the error that ends the pull, if err or the time does.
func (p *Publisher) over(err error) error {
	p.mu.Lock()
	final := p.final
	p.mu.Unlock()
	switch {
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case final != nil:
		return final
	case p.idle() > p.cfg.GiveUp:
		return fmt.Errorf("%w for %v: %w", ErrStalled, p.cfg.GiveUp, err)
	}
	return nil
}

// await waits for the next try. Where segments have been seen, it is for new ones: the
// old would be heard twice.
func (p *Publisher) await(seen bool) error {
	before, known := 0, false
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		select {
		case <-time.After(min(wait, max(p.cfg.GiveUp-p.idle(), 0)+time.Millisecond)):
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
		end, over, err := p.end()
		if err := p.over(bare(err)); err != nil {
			return err
		}
		switch {
		case !seen:
			return nil
		case err != nil:
		case over:
			return gohlslib.ErrClientEOS // to begin it again is to hear it twice
		case !known:
			before, known = end, true
		case end >= before+distance, end < before:
			return nil
		}
		wait = min(wait, 2*time.Second)
	}
}

// end returns the number of the segment behind the media playlist's last, and whether that is final.
func (p *Publisher) end() (int, bool, error) {
	p.mu.Lock()
	at := p.listed
	p.mu.Unlock()
	if at == "" {
		at = p.at
	}
	req, err := http.NewRequestWithContext(p.ctx, http.MethodGet, at, nil)
	if err != nil {
		return 0, false, err
	}
	resp, err := p.client().Do(req)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, false, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostPlaylist))
	if err != nil {
		return 0, false, err
	}
	list, err := playlist.Unmarshal(body)
	if err != nil {
		return 0, false, err
	}
	m, ok := list.(*playlist.Media)
	if !ok {
		return 0, false, errors.New("no media playlist")
	}
	return m.MediaSequence + len(m.Segments), m.Endlist, nil
}

// client returns one that notes errors after which no other request makes sense.
func (p *Publisher) client() *http.Client {
	c := *p.cfg.Client
	c.Transport = noting{p, c.Transport}
	return &c
}

type noting struct {
	*Publisher
	to http.RoundTripper
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	to := n.to
	if to == nil {
		to = http.DefaultTransport
	}
	resp, err := to.RoundTrip(r)
	if err != nil && n.cfg.Final != nil && n.cfg.Final(err) {
		n.mu.Lock()
		n.final = err
		n.mu.Unlock()
	}
	return resp, err
}

// bare returns an error without the address that was asked for, which may hold a secret.
func bare(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
}

// follow follows the playlist until it fails, stands still or ends.
func (p *Publisher) follow() error {
	c := &gohlslib.Client{
		URI: p.at, HTTPClient: p.client(), StartDistance: distance,
		OnDownloadPrimaryPlaylist: func(string) {}, OnDownloadStreamPlaylist: p.lists,
		OnDownloadSegment: func(string) {}, OnDownloadPart: func(string) {},
		OnDecodeError: func(err error) { p.cfg.Log.Debug("a unit of the pulled playlist", "err", err) },
	}
	c.OnTracks = func(tracks []*gohlslib.Track) error {
		return guard.Do("hls", func() error { return p.tracks(c, tracks) })
	}
	p.mu.Lock()
	p.listed = ""
	p.mu.Unlock()
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	p.wg.Go(func() { ended <- c.Wait2() })
	defer c.Close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case err := <-ended:
			return err
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-tick.C:
			if err := p.over(ErrStalled); err != nil {
				return err
			}
			if min(p.idle(), time.Since(began)) > stalled {
				return ErrStalled
			}
		}
	}
}

// lists notes the first media playlist that is asked for: what all others go by.
func (p *Publisher) lists(at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listed == "" {
		p.listed = at
	}
}
