package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// errFull is returned by write where the disk has less room than it is to keep.
var errFull = errors.New("the disk is full")

// disk keeps files in a folder, under keys, as store.Objects does.
type disk struct {
	dir   string
	floor int64       // bytes that segments leave free
	mode  fs.FileMode // of files
}

func (d disk) path(key string) string { return filepath.Join(d.dir, filepath.FromSlash(key)) }

// partials tells apart the files that this process has not finished.
var partials atomic.Int64

// partial tells whether a file, by its name, was not finished.
func partial(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".part")
}

// write puts data under key, whole or not at all; when it returns the data is on the disk.
func (d disk) write(key string, data []byte) (err error) {
	path := d.path(key)
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return full(err)
	}
	aside := fmt.Sprintf("%s.%s.%d-%d.part", dir, name, os.Getpid(), partials.Add(1))
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, d.mode)
	if err != nil {
		return full(err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		_ = os.Remove(aside)
		return full(err)
	}
	return full(syncFolder(dir))
}

// writeJSON writes what v is.
func (d disk) writeJSON(key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.write(key, append(data, '\n'))
}

// admit fails with errFull where n more bytes do not leave the floor free.
func (d disk) admit(n int64) error {
	free, err := d.free()
	if err == nil && free < d.floor+n {
		return fmt.Errorf("%w: %d MB are free, and %d MB are kept so", errFull, free>>20, d.floor>>20)
	}
	return err
}

// free returns how many bytes the disk has left.
func (d disk) free() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", d.dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// full makes an error of a disk without room errFull.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", errFull, err)
	}
	return err
}

// syncFolder has the names in a folder on the disk.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// names returns the names in the folder of a key, none where there is no such folder.
func (d disk) names(key string) ([]fs.DirEntry, error) {
	all, err := os.ReadDir(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return all, err
}

// clear removes what was not finished below a key. Nobody may be writing there.
func (d disk) clear(key string) error {
	return filepath.WalkDir(d.path(key), func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !e.IsDir() && partial(e.Name()):
			return os.Remove(path)
		}
		return nil
	})
}

// remove deletes all below a key.
func (d disk) remove(key string) error { return os.RemoveAll(d.path(key)) }

// lock holds the folder of a key: many may share it, or one has it alone. It is given
// back by Close, and however the process ends. It fails with errHeld.
func (d disk) lock(key string, alone bool) (*os.File, error) {
	path := d.path(key)
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, full(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(errHeld, f.Close())
	default: // a file system that knows no locks, as some over a network, goes without
		return f, nil
	}
}

// errHeld is returned by lock for a recording that somebody else is at.
var errHeld = errors.New("it is being recorded or finished by another process")
