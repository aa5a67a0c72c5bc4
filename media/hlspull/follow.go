package hlspull

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/bluenviron/gohlslib/v2"

	"livedub/internal/guard"
)

// Times of a pull.
const (
	stalled   = 10 * time.Second       // without media, after which that is told and the playlist asked for anew
	anewWait  = 100 * time.Millisecond // before what follows a break is read
	firstWait = time.Second            // before the next try, doubled with each that brings nothing
	mostWait  = 15 * time.Second
)

// follow follows the playlist to its end. Where that fails it goes on with the first
// segment that has not been asked for.
func (p *Publisher) follow() error {
	wait := firstWait
	for {
		had := p.count.Load()
		err := bare(p.once())
		if p.ended() {
			return nil
		}
		if err := p.over(err); err != nil {
			return err
		}
		switch {
		case errors.Is(err, errAnew):
			wait = anewWait
			p.cfg.Log.Info("the pulled playlist goes on after a break")
		case p.count.Load() > had:
			wait = firstWait
			fallthrough
		default:
			p.cfg.Log.Warn("the pulled playlist fails or stands still: it is asked for again", "err", err, "silent", p.idle().Round(time.Second).String())
		}
		if err := pause(p.ctx, min(wait, max(p.cfg.GiveUp-p.idle(), 0)+time.Millisecond)); err != nil {
			return err
		}
		wait = min(max(2*wait, firstWait), mostWait)
	}
}

// ended tells whether all of all playlists has been read.
func (p *Publisher) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.windows {
		if !w.over {
			return false
		}
	}
	return len(p.windows) > 0
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
		return bare(final)
	case p.idle() > p.cfg.GiveUp:
		return fmt.Errorf("%w for %v: %w", ErrStalled, p.cfg.GiveUp, err)
	}
	return nil
}

// segment returns how long the longest playlist's segments are.
func (p *Publisher) segment() (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.windows {
		longest = max(longest, w.target)
	}
	return longest
}

// bare returns an error without the address that was asked for, which may hold a secret.
func bare(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
}

// once runs the library's client until the playlist fails, stands still, breaks or ends.
func (p *Publisher) once() error {
	c := &gohlslib.Client{
		URI: p.at, HTTPClient: p.client(), StartDistance: 1, // windows list one
		OnDownloadPrimaryPlaylist: func(string) {}, OnDownloadStreamPlaylist: func(string) {},
		OnDownloadSegment: func(string) {}, OnDownloadPart: func(string) {},
		OnDecodeError: func(err error) { p.cfg.Log.Debug("a unit of the pulled playlist", "err", err) },
	}
	c.OnTracks = func(tracks []*gohlslib.Track) error {
		return guard.Do("hls", func() error { return p.tracks(c, tracks) })
	}
	p.pacer.anew()
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
			return context.Cause(p.ctx)
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
