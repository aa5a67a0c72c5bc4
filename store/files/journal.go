// Package files keeps a journal and objects as plain files: a folder a session with
// JSON lines, which any tool reads, and a file an object. Several processes of one
// machine may use the same folder at once.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"livedub/store"
)

// A journal's folder:
//
//	EPOCH/rows.jsonl       dubs, phrases, consents and events: a row a line, the later line wins
//	EPOCH/session.json     the session's row
//	EPOCH/recording.json   the recording's row, where there is one
//	.erased/EPOCH          an empty file: that session's words were erased
//	.locks/00              held while sessions of that share are written
const (
	rowsFile      = "rows.jsonl"
	sessionFile   = "session.json"
	recordingFile = "recording.json"
	erasedDir     = ".erased"
	locksDir      = ".locks"

	dirMode, fileMode = 0o700, 0o600 // words are their owner's

	syncEvery = time.Second
)

var errClosed = errors.New("files: the journal is closed")

// Journal is a store.Journal in a folder. A process that is killed loses nothing of
// what Write has returned for, a machine that loses its power a second of it.
type Journal struct {
	dir  string
	root *os.Root
	log  *slog.Logger

	locks  [shares]share
	sync   sync.WaitGroup
	closes sync.Once
	ended  chan struct{}
	err    error // of closing

	mu    sync.RWMutex // held for reading by whoever uses the folder
	shut  bool
	dirt  sync.Mutex
	dirty map[string]bool // sessions whose rows are to reach the disk
}

// OpenJournal opens the journal in a folder, which it makes where there is none. A nil
// log is for none.
func OpenJournal(dir string, log *slog.Logger) (*Journal, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, root: root, log: log, ended: make(chan struct{}), dirty: map[string]bool{}}
	for _, name := range []string{erasedDir, locksDir} {
		if err := root.Mkdir(name, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(j.failed("make a folder in", err), root.Close())
		}
	}
	j.sync.Go(j.syncing)
	return j, nil
}

// openRoot opens a folder, beyond which no name in it leads.
func openRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("make the folder that is to be kept in: %w: name another, or let this user write there", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder that is kept in: %w: name another, or let this user read it", err)
	}
	return root, nil
}

// failed says what the file system did not do; trying again may help.
func (j *Journal) failed(what string, err error) error { return failed(what, j.dir, err) }

func failed(what, dir string, err error) error {
	if full(err) {
		return fmt.Errorf("%w: %s %s: %w: make room there", store.ErrUnavailable, what, dir, err)
	}
	return fmt.Errorf("%w: %s %s: %w", store.ErrUnavailable, what, dir, err)
}

// use keeps the journal open until done is called.
func (j *Journal) use(ctx context.Context) (done func(), err error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	j.mu.RLock()
	if j.shut {
		j.mu.RUnlock()
		return nil, errClosed
	}
	return j.mu.RUnlock, nil
}

// Erase deletes the folder of a session.
func (j *Journal) Erase(ctx context.Context, epoch string) error {
	if err := store.CheckEpoch(epoch); err != nil {
		return err
	}
	done, err := j.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	unlock, err := j.lock(ctx, []string{epoch})
	if err != nil {
		return err
	}
	defer unlock()
	f, err := j.root.OpenFile(erasedDir+"/"+epoch, os.O_CREATE|os.O_WRONLY, fileMode)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		err = j.root.RemoveAll(epoch)
	}
	if err == nil {
		err = errors.Join(j.syncDir(erasedDir), j.syncDir("."))
	}
	if err != nil {
		return j.failed("erase a session in", err)
	}
	return nil
}

// erased tells whether a session was erased.
func (j *Journal) erased(epoch string) (bool, error) {
	_, err := j.root.Lstat(erasedDir + "/" + epoch)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, j.failed("look for a session in", err)
}

// syncing has what was written reach the disk.
func (j *Journal) syncing() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := j.syncAll(); err != nil {
				j.log.Warn("what was written to the journal may not have reached the disk", "err", err)
			}
		case <-j.ended:
			return
		}
	}
}

func (j *Journal) wrote(epoch string) {
	j.dirt.Lock()
	defer j.dirt.Unlock()
	j.dirty[epoch] = true
}

func (j *Journal) syncAll() error {
	j.dirt.Lock()
	dirty := j.dirty
	j.dirty = map[string]bool{}
	j.dirt.Unlock()
	if len(dirty) == 0 {
		return nil
	}
	var failed error
	for epoch := range dirty {
		for _, err := range []error{j.syncFile(epoch + "/" + rowsFile), j.syncDir(epoch)} {
			if !errors.Is(err, fs.ErrNotExist) { // erased meanwhile, or it has no rows
				failed = errors.Join(failed, err)
			}
		}
	}
	return errors.Join(failed, j.syncDir("."))
}

func (j *Journal) syncDir(name string) error { return j.syncFile(name) }

func (j *Journal) syncFile(name string) error {
	f, err := j.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Close has all reach the disk.
func (j *Journal) Close() error {
	j.closes.Do(func() {
		close(j.ended)
		j.sync.Wait()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.shut = true
		if err := j.syncAll(); err != nil {
			j.err = j.failed("write to", err)
		}
		for i := range j.locks {
			j.err = errors.Join(j.err, j.locks[i].close())
		}
		j.err = errors.Join(j.err, j.root.Close())
	})
	return j.err
}
