package upload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	sentSuffix   = ".sent"
	copiesPrefix = ".upload-"
	fresh        = time.Hour // a folder that was changed since may be somebody's who is about to write
)

// found is a file that lay in the folder.
type found struct {
	key  string
	info fs.FileInfo
}

// resume has wait what lies in the folder, the oldest first; documents last. What another
// process is recording there is that one's to send.
func (u *Uploader) resume() error {
	var all []found
	recordings, err := os.ReadDir(u.path(below))
	if ignore(err, fs.ErrNotExist) != nil {
		return fmt.Errorf("upload: what waits to be sent cannot be read: %w", err)
	}
	for _, e := range recordings {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(u.path(below), e.Name())
		lock, err := lockFolder(dir)
		if errors.Is(err, errHeld) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			all, err = u.find(dir, all)
			err = errors.Join(err, lock.Close())
		}
		if err != nil {
			return fmt.Errorf("upload: what waits to be sent cannot be read: %w", err)
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		if x, y := isMedia(a.key), isMedia(b.key); x != y {
			if x {
				return -1
			}
			return 1
		}
		if c := a.info.ModTime().Compare(b.info.ModTime()); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	for _, f := range slices.CompactFunc(all, func(a, b found) bool { return a.key == b.key }) {
		u.insert(f.key, f.info.Size(), f.info.ModTime())
	}
	if len(all) > 0 {
		u.cfg.Log.Info("files of recordings lie here that were not sent yet", "files", len(u.files), "bytes", u.stats.Bytes)
	}
	return nil
}

// find adds to all what is to be sent of a recording, by its folder. Folders that were
// emptied are removed now: before, somebody might have been about to write.
func (u *Uploader) find(dir string, all []found) ([]found, error) {
	var folders []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.IsDir():
			folders = append(folders, path)
			return nil
		case !e.Type().IsRegular():
			return nil
		}
		name := e.Name()
		if strings.HasPrefix(name, ".") && strings.HasSuffix(name, sentSuffix) {
			// A process was killed while it deleted this: it was sent, or is newer than what was.
			whole := filepath.Join(filepath.Dir(path), name[1:len(name)-len(sentSuffix)])
			if err := restore(path, whole); err != nil {
				return err
			}
			path = whole
		}
		rel, err := filepath.Rel(u.cfg.Dir, path)
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if key := filepath.ToSlash(rel); err == nil && ours(key) {
			all = append(all, found{key, info})
		}
		return ignore(err, fs.ErrNotExist)
	})
	for _, path := range slices.Backward(folders) {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > fresh {
			_ = os.Remove(path) // most are not empty
		}
	}
	return all, err
}

// errHeld is returned by lockFolder for a folder that another process has locked.
var errHeld = errors.New("another process is at it")

// lockFolder locks a folder, until the file is closed or the process ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(errHeld, f.Close())
	}
	return f, nil // a file system that knows no locks goes without
}

// openCopies makes the folder for copies of documents, and removes those of processes
// that have ended.
func (u *Uploader) openCopies() (err error) {
	old, err := os.ReadDir(u.cfg.Dir)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	for _, e := range old {
		dir := filepath.Join(u.cfg.Dir, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), copiesPrefix) {
			continue
		}
		if lock, err := lockFolder(dir); err == nil {
			_ = errors.Join(os.RemoveAll(dir), lock.Close()) // the next start tries again
		}
	}
	if u.copies, err = os.MkdirTemp(u.cfg.Dir, copiesPrefix); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	u.copiesLock, err = lockFolder(u.copies)
	return err
}

// closeCopies removes that folder.
func (u *Uploader) closeCopies() error {
	return errors.Join(os.RemoveAll(u.copies), u.copiesLock.Close())
}
