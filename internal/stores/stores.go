// Package stores opens what the settings say is kept in, for servers and commands
// alike, and erases there what is not to be kept any longer.
package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"livedub/internal/config"
	"livedub/store"
	"livedub/store/files"
	"livedub/store/spool"
	"livedub/store/upload"
)

// Folders in the one of files.
const (
	journalDir  = "journal"
	spoolDir    = "spool"
	erasuresDir = "erasures"
)

// Stores are open. They are closed by who opened them.
type Stores struct {
	Journal store.Journal
	Objects store.Objects
	Dir     string         // the folder of files, and of what waits for a database or S3
	Spool   *spool.Journal // that Journal is; nil where it is files itself
	// Upload sends files of recordings from Dir to Objects, from Send on; nil where
	// Objects are in Dir.
	Upload *upload.Uploader
	// Words and Recordings say where they are kept, for people.
	Words, Recordings string

	keep       time.Duration // 0: for ever
	spoolBytes int64         // that may wait for S3
	log        *slog.Logger

	mu       sync.Mutex
	erasers  []func(ctx context.Context, epoch string) error
	expirers []func(ctx context.Context) error
	waiting  atomic.Int64 // erasures

	sweeps sync.WaitGroup
	stop   func()
}

// Open opens the stores of the settings; nil where they say that nothing is kept. Its
// errors name the setting.
func Open(ctx context.Context, c config.Config, log *slog.Logger) (*Stores, error) {
	if c.Serve.Store == "none" {
		return nil, nil
	}
	dir, err := Dir(c.Store)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, erasuresDir), 0o700); err != nil {
		return nil, fmt.Errorf("store.dir: %w: name a folder that this user may write to, or let serve.store be none", err)
	}
	s := &Stores{Dir: dir, keep: c.Store.Keep, log: log}
	auto := c.Serve.Store == "auto"
	if auto && c.Database.URL != "" {
		err = s.openDatabase(ctx, c)
	} else {
		err = s.openWords()
	}
	if err != nil {
		return nil, err
	}
	if auto && c.S3.Bucket != "" {
		err = s.openBucket(ctx, c)
	} else {
		err = s.openFolder()
	}
	if err != nil {
		return nil, errors.Join(err, s.Journal.Close())
	}
	return s, nil
}

// openWords opens the journal in files.
func (s *Stores) openWords() error {
	s.Words = filepath.Join(s.Dir, journalDir)
	j, err := files.OpenJournal(s.Words, s.log)
	if err != nil {
		return fmt.Errorf("store.dir: %w", err)
	}
	s.Journal = j
	return nil
}

// openFolder opens the objects in files.
func (s *Stores) openFolder() error {
	o, err := files.OpenObjects(s.Dir, journalDir, spoolDir, erasuresDir)
	if err != nil {
		return fmt.Errorf("store.dir: %w", err)
	}
	s.Objects, s.Recordings = o, filepath.Join(s.Dir, "recordings")
	return nil
}

// Dir returns the folder that the settings name, or the default one: store in the folder
// that systemd names (STATE_DIRECTORY), or livedub/store in $XDG_DATA_HOME or ~/.local/share.
// Several processes may have the same.
func Dir(c config.Store) (string, error) {
	if c.Dir != "" {
		dir, err := filepath.Abs(c.Dir)
		if err != nil {
			return "", fmt.Errorf("store.dir: %w", err)
		}
		return dir, nil
	}
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return filepath.Join(dir, "store"), nil
	}
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) { // the XDG specification has relative ones ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("store.dir: no folder to keep in: %w: name one, or let serve.store be none", err)
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "livedub", "store"), nil
}

// Close stops the sweep and closes the stores; nil ones are closed.
func (s *Stores) Close() error {
	if s == nil {
		return nil
	}
	if s.stop != nil {
		s.stop()
		s.sweeps.Wait()
	}
	return errors.Join(s.closeUpload(), s.Journal.Close(), s.Objects.Close())
}
