package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"livedub/internal/guard"
)

const (
	maxSet     = 256 << 10        // bytes
	fetchTime  = 5 * time.Second  // for a key set to come
	fetchEvery = 10 * time.Minute // between two looks at an address
	fetchAgain = 15 * time.Second // after one that failed, or for a key that is not known
	fileEvery  = 10 * time.Second
)

// keySet is a set of public keys at an address or in a file, which is read again.
type keySet struct {
	from string
	file bool
	log  *slog.Logger
	wait time.Duration // at least, between two requests
	http *http.Client
	keys atomic.Pointer[keyfunc.Keyfunc] // nil until it was read

	ask  chan struct{} // of one place: a key is not known
	stop context.CancelFunc
	done sync.WaitGroup
}

// openSet begins to follow a key set.
func openSet(ctx context.Context, c Config) (*keySet, error) {
	s := &keySet{from: c.JWKS, log: c.Log, wait: cmp.Or(c.again, fetchAgain), ask: make(chan struct{}, 1)}
	if u, err := url.Parse(s.from); strings.Contains(s.from, "://") {
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return nil, errors.New("tokens: the key set's address is not https://HOST/PATH: keys that anybody on the way may change are none")
		}
	} else {
		s.file = true
	}
	if c.transport == nil {
		c.transport = &http.Transport{
			TLSHandshakeTimeout: fetchTime, ResponseHeaderTimeout: fetchTime, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
		}
	}
	s.http = &http.Client{
		Timeout: fetchTime, Transport: c.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it leads elsewhere: name the address that it leads to")
		},
	}
	if err := s.read(ctx); err != nil {
		if s.file {
			return nil, err
		}
		s.log.Warn("the key set cannot be read yet: tokens by its keys are refused until it can", "err", err)
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() { s.run(ctx) })
	return s, nil
}

// Close ends it and waits for its goroutine.
func (s *keySet) Close() {
	s.stop()
	s.done.Wait()
}

func (s *keySet) run(ctx context.Context) {
	failing := s.keys.Load() == nil
	for {
		wait := fetchEvery
		switch {
		case failing:
			wait = s.wait
		case s.file:
			wait = fileEvery
		}
		select {
		case <-time.After(wait):
		case <-s.ask:
			select {
			case <-time.After(time.Second): // those who make keys up cost the provider little
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
		err := guard.Do("key set", func() error { return s.read(ctx) })
		if err != nil && !failing && ctx.Err() == nil {
			s.log.Warn("the key set cannot be read: the keys that were read last hold on", "err", err)
		}
		failing = err != nil
		if err == nil || s.file {
			continue
		}
		select { // whoever asks meanwhile waits
		case <-time.After(s.wait):
		case <-ctx.Done():
			return
		}
	}
}

// read reads the set.
func (s *keySet) read(ctx context.Context) error {
	data, err := s.bytes(ctx)
	if err != nil {
		return fmt.Errorf("tokens: key set: %w", err)
	}
	if len(data) > maxSet {
		return fmt.Errorf("tokens: key set: more than %d bytes", maxSet)
	}
	keys, err := keyfunc.NewJWKSetJSON(data)
	if err != nil {
		return errors.New("tokens: key set: this is no JSON of a set of keys (RFC 7517), or a key in it is none")
	}
	s.keys.Store(&keys)
	return nil
}

func (s *keySet) bytes(ctx context.Context) ([]byte, error) {
	if s.file {
		f, err := os.Open(s.from)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxSet+1))
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.from, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", s.from, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxSet+1))
}

// key returns the public key that a token names. A key that is not known is looked for
// soon, for the next token: the provider may have a new one.
func (s *keySet) key(t *jwt.Token) (any, error) {
	if k := s.keys.Load(); k != nil {
		if key, err := (*k).Keyfunc(t); err == nil {
			return key, nil
		}
	}
	select {
	case s.ask <- struct{}{}:
	default:
	}
	return nil, errors.New("the key that it names is not in the set")
}
