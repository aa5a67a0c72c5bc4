package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"livedub/media/file"
)

// outDir is the folder that one dub writes into. It is held by a lock, which the
// system gives back however the process ends.
type outDir struct {
	dir   *os.File
	fresh bool // made by us
}

// openOutDir makes the folder if it is not there and locks it. names are the
// films to be made: what a killed dub left of them is cleared away.
func openOutDir(path string, names []string) (*outDir, error) {
	_, err := os.Stat(path)
	o := &outDir{fresh: errors.Is(err, os.ErrNotExist)}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("%w: choose another folder with -o", err)
	}
	if o.dir, err = os.Open(path); err != nil {
		return nil, fmt.Errorf("%w: choose another folder with -o", err)
	}
	switch err := syscall.Flock(int(o.dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		o.dir.Close()
		return nil, fmt.Errorf("%s: another dub is being written into this folder: wait until it has ended, or choose another folder with -o", path)
	case err != nil:
		return o, nil // a file system that knows no locks, as some over a network
	}
	entries, err := o.dir.ReadDir(-1)
	if err != nil {
		o.Close()
		return nil, fmt.Errorf("%w: choose another folder with -o", err)
	}
	for _, e := range entries {
		if slices.ContainsFunc(names, func(of string) bool { return file.IsAside(e.Name(), of) }) {
			os.Remove(filepath.Join(path, e.Name())) // room on the disk is all that it costs
		}
	}
	return o, nil
}

// Close gives the folder free, and removes it if it was made for nothing.
func (o *outDir) Close() {
	if o.fresh {
		os.Remove(o.dir.Name()) // fails where there is anything in it
	}
	o.dir.Close()
}
