package mouths

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"livedub/internal/guard"
	"livedub/store"
)

const (
	prefix = "mouths/"
	// most is how many bytes are read of what is kept: more than is ever written.
	most = 9 << 20

	loadTime  = 5 * time.Second
	eraseTime = 10 * time.Second
	saveTime  = 10 * time.Second
	saveTries = 3
	saves     = 4   // at a time
	waiting   = 256 // saves that may wait or be at work; what comes beyond is lost, and counted
)

// Config is how a shelf keeps.
type Config struct {
	Objects store.Objects // stay the caller's
	Keep    time.Duration // since they were last used; what is older is erased by Sweep
	Log     *slog.Logger  // nil for none
}

// Stats counts what became of mouths since the start.
type Stats struct{ Saved, Lost, Found, Missing, Erased int64 }

// Shelf keeps mouths. Its methods are safe for concurrent use.
type Shelf struct {
	cfg   Config
	turns chan struct{}

	closing chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
	live   map[*Place]bool // of sessions under way
	all    int             // saves that wait or are at work
	wg     sync.WaitGroup  // over them

	saved, lost, found, missing, erased atomic.Int64
}

// New returns a shelf. Close waits for what is being kept.
func New(c Config) *Shelf {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Shelf{cfg: c, turns: make(chan struct{}, saves), closing: make(chan struct{}), live: map[*Place]bool{}}
}

// Place is where one session's mouths are found and kept. Its methods may be called by
// any goroutine.
type Place struct {
	place
	shelf *Shelf
	gone  atomic.Bool // erased while the session was under way
}

// Place returns the place of a key, until Leave. It fails with ErrKey.
func (s *Shelf) Place(key string) (*Place, error) {
	at, err := placeOf(key)
	if err != nil {
		return nil, err
	}
	p := &Place{place: at, shelf: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[p] = true
	return p, nil
}

// Load returns the mouths that are kept there. It fails with store.ErrNotFound where there
// are none, ErrUnreadable, and store.ErrUnavailable.
func (p *Place) Load(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	r, _, err := p.shelf.cfg.Objects.Open(ctx, p.object(), 0, -1)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			p.shelf.missing.Add(1)
			return nil, fmt.Errorf("no mouths are kept under this key: %w", store.ErrNotFound)
		}
		return nil, fmt.Errorf("read kept mouths: %w", err)
	}
	defer r.Close()
	sealed, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read kept mouths: %w", err)
	case len(sealed) > most:
		return nil, ErrUnreadable
	}
	data, err := p.open(sealed)
	if err == nil {
		p.shelf.found.Add(1)
	}
	return data, err
}

// Gone tells whether what is kept there was erased since Place.
func (p *Place) Gone() bool { return p.gone.Load() }

// Leave keeps data, if there is any, in place of what was there, unless that was erased
// since, and forgets the key's place. It does not wait for the store, and is called once.
func (p *Place) Leave(data []byte) {
	s := p.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(data) == 0 || p.gone.Load() || !s.live[p] {
		delete(s.live, p)
		return
	}
	if s.closed || s.all == waiting {
		delete(s.live, p)
		s.lost.Add(1)
		s.cfg.Log.Warn("a speaker's mouths are not kept: too many wait for the store, or it is closed")
		return
	}
	s.all++
	s.wg.Go(func() {
		s.turns <- struct{}{}
		err := guard.Do("mouths", func() error { return p.save(data) })
		<-s.turns
		s.mu.Lock()
		s.all--
		delete(s.live, p)
		s.mu.Unlock()
		if err != nil {
			s.lost.Add(1)
			s.cfg.Log.Warn("a speaker's mouths are not kept", "err", err)
		}
	})
}

// save seals data and puts it where it belongs, by a file, which holds what is sealed only.
func (p *Place) save(data []byte) error {
	f, err := os.CreateTemp("", "livedub-mouths-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(p.seal(data))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	for try := range saveTries {
		if p.gone.Load() {
			return nil
		}
		if err = p.put(f.Name()); err == nil || !errors.Is(err, store.ErrUnavailable) {
			break
		}
		select {
		case <-p.shelf.closing: // nobody waits for another try
			return err
		case <-time.After(time.Duration(try+1) * time.Second):
		}
	}
	if err == nil {
		p.shelf.saved.Add(1)
	}
	if p.gone.Load() { // meanwhile
		return p.shelf.delete(context.Background(), p.object())
	}
	return err
}

func (p *Place) put(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), saveTime)
	defer cancel()
	return p.shelf.cfg.Objects.Put(ctx, p.object(), path, "application/octet-stream")
}

// Erase erases the mouths of a key; sessions under way with it keep none at their end. It
// fails with ErrKey, store.ErrNotFound where there is nothing to erase, and store.ErrUnavailable.
func (s *Shelf) Erase(ctx context.Context, key string) error {
	at, err := placeOf(key)
	if err != nil {
		return err
	}
	found := false
	s.mu.Lock()
	for p := range s.live {
		if p.name == at.name {
			p.gone.Store(true)
			found = true
		}
	}
	s.mu.Unlock()
	r, _, err := s.cfg.Objects.Open(ctx, at.object(), 0, 0)
	switch {
	case err == nil:
		found = true
		r.Close()
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("erase kept mouths: %w", err)
	}
	if err := s.delete(ctx, at.object()); err != nil { // older versions too, where only those are left
		return err
	}
	if !found {
		return fmt.Errorf("no mouths are kept under this key: %w", store.ErrNotFound)
	}
	return nil
}

func (s *Shelf) delete(ctx context.Context, object string) error {
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	if err := s.cfg.Objects.Delete(ctx, object); err != nil {
		return fmt.Errorf("erase kept mouths: %w", err)
	}
	s.erased.Add(1)
	return nil
}

// Kept is what the operator sees of kept mouths.
type Kept struct {
	Name  string    `json:"name"` // tells nothing of the key, nor of who it is
	Bytes int64     `json:"bytes"`
	At    time.Time `json:"at"` // when they were kept last
}

// List returns all that is kept, by name.
func (s *Shelf) List(ctx context.Context) ([]Kept, error) {
	all, err := s.cfg.Objects.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list kept mouths: %w", err)
	}
	out := []Kept{}
	for _, o := range all {
		out = append(out, Kept{strings.TrimPrefix(o.Key, prefix), o.Size, o.Modified})
	}
	return out, nil
}

// Remove erases what List has named.
func (s *Shelf) Remove(ctx context.Context, name string) error {
	if name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%w: %.80q is no name of kept mouths", store.ErrInvalid, name)
	}
	return s.delete(ctx, prefix+name)
}

// Sweep erases what has been kept for long enough.
func (s *Shelf) Sweep(ctx context.Context) error {
	if s.cfg.Keep <= 0 {
		return nil
	}
	all, err := s.List(ctx)
	for _, k := range all {
		if time.Since(k.At) > s.cfg.Keep && ctx.Err() == nil {
			err = errors.Join(err, s.Remove(ctx, k.Name))
		}
	}
	return err
}

// Stats tells what became of mouths.
func (s *Shelf) Stats() Stats {
	return Stats{s.saved.Load(), s.lost.Load(), s.found.Load(), s.missing.Load(), s.erased.Load()}
}

// Close waits for what is being kept; where the store does not answer it is not tried
// again. What comes later is not kept. It is called once.
func (s *Shelf) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.wg.Wait()
}
