// Package upload sends files of a folder to where objects are kept, as they are
// announced, for as long as it takes, and deletes them in the folder then.
//
// What lies in the folder when it begins is sent too, so that a killed process loses
// nothing. A document (anything but media) is sent when all media of its recording
// that were announced before it was written have arrived: it may name them.
package upload

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"livedub/store"
)

const (
	workers = 4             // files sent at a time
	below   = "recordings/" // what all keys begin with
)

// Config is what an Uploader works with.
type Config struct {
	Dir     string        // files lie below it by their keys; it is there
	Objects store.Objects // where they go
	// MaxBytes bounds what waits: a segment beyond is lost. What else there is of a
	// recording is small, or all of it, and is taken in any case.
	MaxBytes int64
	Log      *slog.Logger // nil for none
}

// Stats are figures of an Uploader.
type Stats struct {
	Files        int           // that wait or are under way
	Bytes        int64         // of those
	Oldest       time.Duration // how long the oldest of them has waited
	SentFiles    int64
	SentBytes    int64
	Retries      int64 // tries that failed, and are made again
	Refused      int64 // files that can never be kept, and were left in the folder
	Dropped      int64 // segments that were lost because too much waited
	DroppedBytes int64
}

// Uploader sends files. Its methods are safe for concurrent use.
type Uploader struct {
	cfg    Config
	ctx    context.Context // of the workers
	cancel context.CancelFunc
	all    sync.WaitGroup

	copies     string // folder of copies of documents
	copiesLock *os.File

	mu        sync.Mutex
	changed   chan struct{} // closed and made anew when something changes
	closed    bool
	full      func(key string)
	seq       int64 // of what was announced last
	files     map[string]*file
	media     []*file            // in the order that they were announced in
	docs      []*file            // likewise
	groups    map[string][]int64 // by recording: the places of media that wait or are under way, in order
	forgotten []string           // prefixes, the newest last
	sweeps    []*sweep
	outage    outage
	stats     Stats // without what is counted when it is asked for
}

// file is a file that waits or is under way.
type file struct {
	key   string
	group string // its recording
	doc   bool
	place int64 // in the order of announcements
	size  int64
	since time.Time // it waits
	tries int       // that failed
	due   time.Time // of the next one
	again bool      // it was announced anew since it was looked at

	gone   bool    // it is forgotten
	flight *flight // while it is under way

	copied  string      // of a document: the copy that is sent
	of      fs.FileInfo // what it is a copy of
	barrier int64       // media up to this place must have arrived before
}

// flight is one try to send a file.
type flight struct {
	ctx   context.Context
	stop  context.CancelFunc
	cut   atomic.Bool   // by Forget, before its end
	ended chan struct{} // closed at its end
}

// ours tells whether a key is that of a file of a recording.
func ours(key string) bool {
	_, file, ok := strings.Cut(strings.TrimPrefix(key, below), "/")
	return ok && file != "" && strings.HasPrefix(key, below) && store.CheckKey(key) == nil
}

// New starts an uploader, beginning with what lies in the folder. The caller closes it.
func New(cfg Config) (*Uploader, error) {
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	u := &Uploader{cfg: cfg, changed: make(chan struct{}), files: map[string]*file{}, groups: map[string][]int64{}}
	if err := u.openCopies(); err != nil {
		return nil, err
	}
	if err := u.resume(); err != nil {
		return nil, errors.Join(err, u.closeCopies())
	}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	for range workers {
		u.all.Go(u.work)
	}
	return u, nil
}

// OnFull has f called for each segment that is lost because too much waits, with its
// key. It is called by who adds, and before anything is.
func (u *Uploader) OnFull(f func(key string)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.full = f
}

// Add announces that a file is complete, or has changed; it is replaced as a whole by
// then, never written to. Add does not wait.
func (u *Uploader) Add(key string) {
	path := u.path(key)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was deleted meanwhile
		return
	case !ours(key) || err == nil && !info.Mode().IsRegular():
		err = store.ErrInvalid
	}
	if err != nil {
		u.cfg.Log.Error("a file cannot be sent", "key", key, "error", err)
		return
	}
	if told := u.add(key, info.Size()); told != nil {
		told()
	}
}

// add is Add of a file that is there. What it returns is to be done without the lock.
func (u *Uploader) add(key string, size int64) (then func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	path := u.path(key)
	f := u.files[key]
	switch {
	case u.closed: // the next start finds it
		return nil
	case u.isForgotten(key):
		return func() { _ = os.Remove(path) } // Forget may have been faster
	case f != nil:
		u.stats.Bytes += size - f.size
		f.size, f.again = size, true
	case strings.HasSuffix(key, ".m4s") && u.stats.Bytes+size > u.cfg.MaxBytes:
		u.stats.Dropped++
		u.stats.DroppedBytes += size
		full := u.full
		return func() {
			_ = os.Remove(path) // the recorder may have been faster
			if full != nil {
				full(key)
			}
		}
	default:
		u.insert(key, size, time.Now())
	}
	u.signal()
	return nil
}

// insert has a file wait.
func (u *Uploader) insert(key string, size int64, since time.Time) {
	u.seq++
	f := &file{key: key, group: group(key), doc: !isMedia(key), place: u.seq, size: size, since: since}
	u.files[key] = f
	u.stats.Bytes += size
	u.enlist(f)
}

// Pending tells whether a file whose key begins with prefix waits or is under way.
func (u *Uploader) Pending(prefix string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key := range u.files {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// Stats returns its figures.
func (u *Uploader) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.stats
	s.Files = len(u.files)
	for _, f := range u.files {
		s.Oldest = max(s.Oldest, time.Since(f.since))
	}
	return s
}

// Close sends what waits for as long as ctx allows, and ends; the rest stays in the
// folder, where the next uploader finds it. What is added from now on does too.
func (u *Uploader) Close(ctx context.Context) error {
	u.mu.Lock()
	u.closed = true
	for _, s := range u.sweeps {
		s.due = time.Time{}
	}
	u.signal()
	for len(u.files)+len(u.sweeps) > 0 && ctx.Err() == nil {
		changed := u.changed
		u.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		u.mu.Lock()
	}
	u.mu.Unlock()
	u.cancel()
	u.all.Wait()
	if n := len(u.files); n > 0 {
		u.cfg.Log.Warn("files of recordings were not sent in time: the next start sends them", "files", n)
	}
	for _, s := range u.sweeps {
		u.cfg.Log.Error("files of an erased recording may be kept still: erase it again", "prefix", s.prefix)
	}
	return u.closeCopies()
}

// signal tells whoever waits that something has changed.
func (u *Uploader) signal() {
	close(u.changed)
	u.changed = make(chan struct{})
}

func (u *Uploader) path(key string) string { return filepath.Join(u.cfg.Dir, filepath.FromSlash(key)) }

// group returns the recording that a key is of.
func group(key string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(key, below), "/")
	return id
}

func isMedia(key string) bool {
	return strings.HasSuffix(key, ".m4s") || strings.HasSuffix(key, ".mp4")
}

// mediaType returns the media type of a file by its name.
func mediaType(key string) store.Type {
	switch filepath.Ext(key) {
	case ".m4s":
		return "video/iso.segment"
	case ".mp4":
		return "video/mp4"
	case ".vtt":
		return "text/vtt; charset=utf-8"
	case ".json":
		return "application/json"
	}
	return "application/octet-stream"
}
