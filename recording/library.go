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

// LibraryConfig is where recordings lie, and who erases them.
type LibraryConfig struct {
	Journal store.Journal
	Objects store.Objects // nil for none
	// Local is the folder that keys lie below on this machine, of what is being recorded
	// and of what has not gone to Objects yet; "" for none.
	Local string

	// Erase erases all that is kept of a session, by Library.Remove too; nil where the
	// library only looks.
	Erase func(ctx context.Context, id string) error

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

// Delete erases a recording wherever it lies, and all words of its session. One that is
// gone is no error.
func (l *Library) Delete(ctx context.Context, id string) error {
	if store.CheckEpoch(id) != nil {
		return store.ErrNotFound
	}
	if err := l.cfg.Erase(ctx, id); err != nil && !errors.Is(err, store.ErrErased) {
		return fmt.Errorf("recording %s: %w", id, err)
	}
	return nil
}

// Remove deletes the files of a recording, which nothing writes to anymore.
func (l *Library) Remove(ctx context.Context, id string) error {
	if err := store.CheckEpoch(id); err != nil {
		return err
	}
	defer l.forget(id)
	var failed error
	if l.cfg.Objects != nil {
		if err := l.cfg.Objects.Delete(ctx, Dir(id)); err != nil {
			failed = fmt.Errorf("recording %s: delete its files: %w", id, err)
		}
	}
	if l.cfg.Local != "" {
		if err := os.RemoveAll(filepath.Join(l.cfg.Local, filepath.FromSlash(Dir(id)))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("recording %s: delete its files on this machine: %w", id, err))
		}
	}
	return failed
}
