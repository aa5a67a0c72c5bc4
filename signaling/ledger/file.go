package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read as a file of entries, in bytes.
const maxFile = MaxEntries * 2 * MaxValue

const (
	lockName = "lock"
	lockPoll = 10 * time.Millisecond
	lockTime = 10 * time.Second // that another process may hold it
)

// File is a Store in a folder: a file for each kind, which the user alone may read.
type File struct{ dir string }

// NewFile returns the store in a folder, which is made with the first entry. The one
// in "" is empty, and takes nothing.
func NewFile(dir string) *File { return &File{dir} }

// Put keeps an entry.
func (f *File) Put(ctx context.Context, kind, name string, value []byte, replace bool) (kept bool, err error) {
	if len(value) > MaxValue {
		return false, fmt.Errorf("%w: %d bytes, %d at most", ErrFull, len(value), MaxValue)
	}
	err = f.change(ctx, kind, func(all map[string][]byte) error {
		was, is := all[name]
		if is && !replace {
			kept = bytes.Equal(was, value)
			return nil
		} else if !is && len(all) >= MaxEntries {
			return fmt.Errorf("%w: there are %d", ErrFull, len(all))
		}
		all[name], kept = value, true
		return f.write(kind, all)
	})
	return kept && err == nil, err
}

// Remove takes an entry out.
func (f *File) Remove(ctx context.Context, kind, name string) (was bool, err error) {
	err = f.change(ctx, kind, func(all map[string][]byte) error {
		if _, was = all[name]; !was {
			return nil
		}
		delete(all, name)
		return f.write(kind, all)
	})
	return was, err
}

// All returns the entries of a kind; none where there is no file yet.
func (f *File) All(_ context.Context, kind string) (map[string][]byte, error) {
	if f.dir == "" {
		return map[string][]byte{}, nil
	}
	file, err := os.Open(f.path(kind))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return map[string][]byte{}, nil
	case err != nil:
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	all := map[string][]byte{}
	if err := json.Unmarshal(data, &all); err != nil || len(data) > maxFile || all == nil {
		return nil, fmt.Errorf("ledger: %s is damaged: put back a copy of it, or remove it and make its entries anew", f.path(kind))
	}
	return all, nil
}

func (f *File) path(kind string) string { return filepath.Join(f.dir, kind+".json") }

// change lets one process at a time read and write.
func (f *File) change(ctx context.Context, kind string, do func(all map[string][]byte) error) error {
	if f.dir == "" {
		return errors.New("ledger: there is no folder to keep entries in")
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(f.dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer lock.Close() // and so lets go of the lock
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("ledger: lock %s: %w", lock.Name(), err)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return fmt.Errorf("ledger: another process holds %s: %w", lock.Name(), ctx.Err())
		}
	}
	all, err := f.All(ctx, kind)
	if err != nil {
		return err
	}
	return do(all)
}

// write gives the file its name when it is whole: nobody reads half of it.
func (f *File) write(kind string, all map[string][]byte) error {
	data, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	tmp, err := os.CreateTemp(f.dir, "."+kind+"-*") // 0600
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := os.Rename(tmp.Name(), f.path(kind)); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}
