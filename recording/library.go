package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"livedub/store"
)

// LibraryConfig is where recordings lie, and who is told of one that is deleted.
type LibraryConfig struct {
	Journal store.Journal
	Objects store.Objects // nil for none
	// Local is the folder that keys lie below on this machine, of what is being recorded
	// and of what has not gone to Objects yet; "" for none.
	Local string

	Stop   func(ctx context.Context, id string) error // ends the recorder of a session, if one is at work here; nil for none
	Forget func(id string)                            // takes a recording's files off the way to Objects; nil for none

	Keep     time.Duration // from the end of a session until it is erased; 0 is for ever
	LinkLife time.Duration // of links to Objects
	Log      *slog.Logger  // nil for none
}

// Library shows what was recorded, and deletes it. Its methods are safe for concurrent
// use. What they are asked for by a name that can be none, they do not find.
type Library struct {
	cfg LibraryConfig
	log *slog.Logger

	mu   sync.Mutex
	held map[string]held // by ID
}

// NewLibrary returns the library of what lies there.
func NewLibrary(c LibraryConfig) *Library {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Library{cfg: c, log: c.Log, held: map[string]held{}}
}

// List returns a page of recordings, the newest first.
func (l *Library) List(ctx context.Context, f store.Filter) (store.Page, error) {
	return l.cfg.Journal.Recordings(ctx, f)
}

// Get returns a recording, and how many phrases are known of it. It fails with
// store.ErrNotFound, or store.ErrErased.
func (l *Library) Get(ctx context.Context, id string) (r store.Recording, phrases int, err error) {
	b, err := l.rows(ctx, id)
	if err != nil {
		return store.Recording{}, 0, err
	}
	if len(b.Recordings) == 0 {
		return store.Recording{}, 0, store.ErrNotFound
	}
	ids := map[int]bool{}
	for _, p := range b.Phrases {
		ids[p.ID] = true
	}
	return b.Recordings[0], len(ids), nil
}

// rows returns all that the journal has of a session.
func (l *Library) rows(ctx context.Context, id string) (store.Batch, error) {
	if store.CheckEpoch(id) != nil {
		return store.Batch{}, store.ErrNotFound
	}
	return l.cfg.Journal.Session(ctx, id)
}

// Delete erases a recording wherever it lies, and all words of its session: what is
// being recorded here ends first. The rows go last, so that what could not be deleted
// can be found and deleted again. One that is gone is no error.
func (l *Library) Delete(ctx context.Context, id string) error {
	if store.CheckEpoch(id) != nil {
		return store.ErrNotFound
	}
	if l.cfg.Stop != nil {
		if err := l.cfg.Stop(ctx, id); err != nil {
			return fmt.Errorf("recording %s: end it before it is deleted: %w", id, err)
		}
	}
	if l.cfg.Forget != nil {
		l.cfg.Forget(id)
	}
	defer l.forget(id)
	if l.cfg.Objects != nil {
		if err := l.cfg.Objects.Delete(ctx, Dir(id)); err != nil {
			return fmt.Errorf("recording %s: delete its files: %w", id, err)
		}
	}
	if l.cfg.Local != "" {
		if err := os.RemoveAll(filepath.Join(l.cfg.Local, filepath.FromSlash(Dir(id)))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("recording %s: delete its files on this machine: %w", id, err)
		}
	}
	if err := l.cfg.Journal.Erase(ctx, id); err != nil && !errors.Is(err, store.ErrErased) {
		return fmt.Errorf("recording %s: erase its words: %w", id, err)
	}
	return nil
}

// expireAtOnce is how many sessions are asked for at a time.
const expireAtOnce = 100

// Expire deletes what is older than it may be, and returns how many sessions that were.
// What cannot be deleted stays for the next time; the error says why, of the last of them.
func (l *Library) Expire(ctx context.Context) (deleted int, err error) {
	if l.cfg.Keep <= 0 {
		return 0, nil
	}
	before, failed := time.Now().Add(-l.cfg.Keep), map[string]bool{}
	for {
		epochs, lerr := l.cfg.Journal.Expired(ctx, before, expireAtOnce+len(failed))
		if lerr != nil {
			return deleted, errors.Join(err, lerr)
		}
		fresh := false
		for _, id := range epochs {
			if failed[id] {
				continue
			}
			fresh = true
			if derr := l.Delete(ctx, id); derr != nil {
				if failed[id], err = true, derr; ctx.Err() != nil {
					return deleted, err
				}
				continue
			}
			deleted++
			l.log.Info("what was kept long enough is deleted", "session", id)
		}
		if !fresh {
			return deleted, err
		}
	}
}
