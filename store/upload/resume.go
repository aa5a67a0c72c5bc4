package upload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	sentSuffix = ".sent"
	fresh      = time.Hour // a folder that was changed since may be somebody's who is about to write
)

// found is a file that lay in the folder.
type found struct {
	key  string
	info fs.FileInfo
}

// resume has wait what lies in the folder, the oldest first; documents last.
func (u *Uploader) resume() error {
	if err := os.RemoveAll(u.copies()); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	var all []found
	var folders []string
	err := filepath.WalkDir(u.path(below), func(path string, e fs.DirEntry, err error) error {
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
	if err != nil {
		return fmt.Errorf("upload: what waits to be sent cannot be read: %w", err)
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
	// Folders that were emptied stay until now: somebody might have been about to write.
	for _, path := range slices.Backward(folders) {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > fresh && path != folders[0] {
			_ = os.Remove(path) // most are not empty
		}
	}
	return nil
}
