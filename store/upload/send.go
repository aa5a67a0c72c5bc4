package upload

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"livedub/internal/guard"
	"livedub/store"
)

// work sends files until the uploader ends.
func (u *Uploader) work() {
	for u.ctx.Err() == nil {
		f, s, wait, changed := u.next()
		switch {
		case f != nil:
			u.try(f)
		case s != nil:
			u.sweep(s)
		default:
			timer := time.NewTimer(wait)
			select {
			case <-changed:
			case <-timer.C:
			case <-u.ctx.Done():
			}
			timer.Stop()
		}
	}
}

// try tries to send a file, once.
func (u *Uploader) try(f *file) {
	waits := false
	err := guard.Do("send "+f.key, func() (err error) {
		path := u.path(f.key)
		if f.doc {
			if waits, err = u.copy(f); err != nil || waits {
				return err
			}
			path = f.copied
		} else if f.of, err = os.Lstat(path); err != nil {
			return err
		}
		if err := u.cfg.Objects.Put(f.flight.ctx, f.key, path, mediaType(f.key)); err != nil {
			return err
		}
		if err := clear(u.path(f.key), f.of); err != nil {
			u.cfg.Log.Warn("a file that was sent cannot be deleted here", "key", f.key, "error", err)
		}
		return nil
	})
	u.done(f, waits, err)
}

// copy has a document's words as they are now, and tells whether it must wait for
// media that they may name.
func (u *Uploader) copy(f *file) (waits bool, err error) {
	if f.copied != "" {
		return false, nil
	}
	in, err := os.Open(u.path(f.key))
	if err != nil {
		return false, err
	}
	defer in.Close()
	if f.of, err = in.Stat(); err != nil {
		return false, err
	}
	path := filepath.Join(u.copies, strconv.FormatInt(f.place, 10))
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return false, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	f.copied, f.barrier = path, u.seq
	return !u.arrived(f.group, f.barrier), nil
}

// done has a file, of which something was tried, wait again or leave.
func (u *Uploader) done(f *file, waits bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.end(f)
	_, local := os.Lstat(u.path(f.key))
	switch {
	case f.gone:
		u.drop(f)
	case waits:
		return // with its copy
	case err == nil:
		u.recovered()
		u.stats.SentFiles++
		u.stats.SentBytes += f.of.Size()
		u.drop(f)
		if f.again {
			u.insert(f.key, f.size, time.Now())
		}
	case u.ctx.Err() != nil:
	case errors.Is(err, fs.ErrNotExist) && errors.Is(local, fs.ErrNotExist): // its recorder has deleted it
		u.drop(f)
	case errors.Is(err, store.ErrInvalid):
		u.stats.Refused++
		u.cfg.Log.Error("a file of a recording can never be kept, and stays in the folder", "key", f.key, "error", err)
		u.drop(f)
	default:
		u.stats.Retries++
		f.tries++
		f.due = time.Now().Add(pause(f.tries))
		u.failed(f.key, err)
	}
	if f.copied != "" {
		_ = os.Remove(f.copied) // New deletes what is left
		f.copied = ""
	}
}

// failed takes note that something could not be done.
func (u *Uploader) failed(key string, err error) {
	o, now := &u.outage, time.Now()
	if o.tries == 0 {
		o.since = now
	}
	if !now.Before(o.until) { // those that failed together count once
		o.tries++
		o.until = now.Add(pause(o.tries))
	}
	if now.Sub(o.told) >= repeat {
		o.told, o.tell = now, true
		u.cfg.Log.Warn("recordings wait to be sent", "key", key, "error", err, "files", len(u.files), "bytes", u.stats.Bytes, "for", now.Sub(o.since).Round(time.Second).String())
	}
}

// recovered takes note that something could be done.
func (u *Uploader) recovered() {
	o := u.outage
	if o.tell {
		u.cfg.Log.Info("recordings are sent again", "files", len(u.files), "after", time.Since(o.since).Round(time.Second).String())
	}
	u.outage = outage{told: o.told}
}

// clear deletes a file if it is still what was sent.
func clear(path string, sent fs.FileInfo) error {
	now, err := os.Lstat(path)
	if err != nil || !same(now, sent) {
		return ignore(err, fs.ErrNotExist)
	}
	return remove(path, sent)
}

// remove is clear where somebody may put a newer file there at any moment: it looks at
// what it has taken away.
func remove(path string, sent fs.FileInfo) error {
	aside := aside(path)
	if err := os.Rename(path, aside); err != nil {
		return ignore(err, fs.ErrNotExist)
	}
	now, err := os.Lstat(aside)
	if err == nil && same(now, sent) {
		return os.Remove(aside)
	}
	return errors.Join(err, restore(aside, path))
}

// aside returns where a file is put that is about to be deleted.
func aside(path string) string {
	dir, name := filepath.Split(path)
	return filepath.Join(dir, "."+name+sentSuffix)
}

// restore puts a file back, unless a newer one is there.
func restore(aside, path string) error {
	if err := os.Link(aside, path); err == nil || errors.Is(err, fs.ErrExist) {
		return os.Remove(aside)
	}
	return os.Rename(aside, path) // this file system knows no links
}

// same tells whether two looks at a path saw the same file, unchanged.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// ignore returns err unless it is what.
func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
