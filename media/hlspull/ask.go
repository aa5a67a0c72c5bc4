package hlspull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

const (
	mostPlaylist = 1 << 20  // bytes
	mostSegment  = 64 << 20 // bytes
	mostWindows  = 16       // playlists of a pull
	mostTries    = 3        // of one request
	retryWait    = 300 * time.Millisecond
)

// asking is what a run of gohlslib's client asks by. It hands over what is not a
// playlist of segments as it is, once it has come whole, and such playlists as their windows say.
type asking struct {
	*Publisher
	to  http.RoundTripper
	run int
}

// client returns one for the next run of the library's client.
func (p *Publisher) client() *http.Client {
	c := *p.cfg.Client
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	p.mu.Lock()
	p.run++
	p.anew = false
	c.Transport = asking{p, c.Transport, p.run}
	p.mu.Unlock()
	return &c
}

// RoundTrip is http.RoundTripper's. Its errors make all that the run still asks for
// fail: where one of several playlists fails, the library would go on without it.
func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.answer(r)
	if err != nil && !errors.Is(err, errOver) {
		a.mu.Lock()
		a.anew = true
		if errors.Is(err, errEncrypted) || a.cfg.Final != nil && a.cfg.Final(err) {
			a.final = err
		}
		a.mu.Unlock()
	}
	return resp, err
}

func (a asking) answer(r *http.Request) (*http.Response, error) {
	for {
		resp, body, err := a.fetch(r)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK || !bytes.HasPrefix(bytes.TrimPrefix(body, []byte("\ufeff")), []byte("#EXTM3U")) {
			return with(resp, body), nil
		}
		if len(body) > mostPlaylist {
			return nil, fmt.Errorf("a playlist of %d bytes", len(body))
		}
		list, err := mediaOf(body)
		if err != nil {
			return nil, err
		}
		if list == nil {
			return with(resp, body), nil
		}
		out, wait, err := a.step(r, list)
		if err != nil {
			return nil, err
		}
		if out != nil {
			if body, err = out.Marshal(); err != nil {
				return nil, err
			}
			return with(resp, body), nil
		}
		if err := pause(r.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// step asks the playlist's window. Its address tells it from others, but for the query,
// which may be another with each answer.
func (a asking) step(r *http.Request, list *playlist.Media) (*playlist.Media, time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.anew {
		return nil, 0, errAnew
	}
	at := r.URL.Host + r.URL.Path
	w := a.windows[at]
	if w == nil {
		if len(a.windows) >= mostWindows {
			return nil, 0, fmt.Errorf("more than %d playlists belong together", mostWindows)
		}
		w = &window{}
		a.windows[at] = w
	}
	out, err := w.step(list, a.run)
	return out, w.poll(), err
}

// fetch asks until an answer has come whole that says more than that the server is busy, a few times at most.
func (a asking) fetch(r *http.Request) (resp *http.Response, body []byte, err error) {
	for try := 1; ; try++ {
		if resp, err = a.to.RoundTrip(r.Clone(r.Context())); err == nil {
			body, err = io.ReadAll(io.LimitReader(resp.Body, mostSegment+1))
			resp.Body.Close()
			switch {
			case len(body) > mostSegment:
				return nil, nil, fmt.Errorf("a segment of more than %d bytes", mostSegment)
			case err == nil && resp.StatusCode >= 400:
				err = fmt.Errorf("status %d", resp.StatusCode)
			case err == nil:
				return resp, body, nil
			}
		}
		if try == mostTries || a.cfg.Final != nil && a.cfg.Final(err) {
			return nil, nil, err
		}
		if stop := pause(r.Context(), time.Duration(try)*retryWait); stop != nil {
			return nil, nil, stop
		}
	}
}

// with returns an answer with another body.
func with(resp *http.Response, body []byte) *http.Response {
	out := *resp
	out.Header = resp.Header.Clone()
	out.Header.Del("Content-Length")
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return &out
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
