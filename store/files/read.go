package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"livedub/store"
)

// Session reads the files of a session.
func (j *Journal) Session(ctx context.Context, epoch string) (store.Batch, error) {
	if err := store.CheckEpoch(epoch); err != nil {
		return store.Batch{}, err
	}
	done, err := j.use(ctx)
	if err != nil {
		return store.Batch{}, err
	}
	defer done()
	b, err := j.session(epoch)
	// It may have been erased while it was read.
	switch was, failed := j.erased(epoch); {
	case failed != nil:
		return store.Batch{}, failed
	case was:
		return store.Batch{}, fmt.Errorf("session %s: %w", epoch, store.ErrErased)
	case err != nil:
		return store.Batch{}, j.failed("read a session in", err)
	case b.Len() == 0:
		return store.Batch{}, fmt.Errorf("session %s: %w", epoch, store.ErrNotFound)
	}
	return b, nil
}

func (j *Journal) session(epoch string) (b store.Batch, err error) {
	f, err := j.root.Open(epoch + "/" + rowsFile)
	if err == nil {
		defer f.Close()
		var bad int
		if b, bad, err = scan(f, epoch); err == nil && bad > 0 {
			j.log.Warn("lines of a session's journal are no rows, as where a process was killed", "epoch", epoch, "lines", bad)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	s, err := read[store.Session](j.root, epoch+"/"+sessionFile)
	if err != nil {
		return b, err
	}
	if s.Epoch == epoch {
		b.Sessions = []store.Session{s}
	}
	r, err := read[store.Recording](j.root, epoch+"/"+recordingFile)
	if err == nil && r.ID == epoch {
		b.Recordings = []store.Recording{r}
	}
	return b, err
}

// Recordings reads the recordings' rows, and none else.
func (j *Journal) Recordings(ctx context.Context, f store.Filter) (store.Page, error) {
	f, after, err := f.Clean()
	if err != nil {
		return store.Page{}, err
	}
	done, err := j.use(ctx)
	if err != nil {
		return store.Page{}, err
	}
	defer done()
	var all []store.Recording
	newest := func() { // leaves one more than are asked for
		slices.SortFunc(all, func(x, y store.Recording) int {
			if x.Created.Equal(y.Created) {
				return strings.Compare(y.ID, x.ID)
			}
			return y.Created.Compare(x.Created)
		})
		all = all[:min(len(all), f.Limit+1)]
	}
	err = j.each(ctx, func(epoch string) (bool, error) {
		r, err := read[store.Recording](j.root, epoch+"/"+recordingFile)
		if err == nil && r.ID == epoch && f.Takes(r) && (after == nil || after.Behind(r)) {
			if all = append(all, r); len(all) > 4*f.Limit {
				newest()
			}
		}
		return true, err
	})
	if err != nil {
		return store.Page{}, err
	}
	newest()
	page := store.Page{Recordings: all}
	if len(all) > f.Limit {
		page.Recordings = all[:f.Limit]
		last := page.Recordings[f.Limit-1]
		page.Next = store.Place{Created: last.Created, ID: last.ID}.String()
	}
	return page, nil
}

// each calls fn with every session that has a folder, until it returns false.
func (j *Journal) each(ctx context.Context, fn func(epoch string) (bool, error)) error {
	dir, err := j.root.Open(".")
	if err != nil {
		return j.failed("read", err)
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(1024)
		for _, e := range entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !e.IsDir() || store.CheckEpoch(e.Name()) != nil {
				continue
			}
			if more, err := fn(e.Name()); err != nil {
				return j.failed("read a session in", err)
			} else if !more {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return j.failed("read", err)
		}
	}
}

// Expired reads the sessions' rows, and none else.
func (j *Journal) Expired(ctx context.Context, before time.Time, limit int) (epochs []string, err error) {
	done, err := j.use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	err = j.each(ctx, func(epoch string) (bool, error) {
		if len(epochs) >= limit {
			return false, nil
		}
		s, err := read[store.Session](j.root, epoch+"/"+sessionFile)
		if err != nil {
			return false, err
		}
		last := s.Ended
		if last.IsZero() {
			last, err = j.written(epoch)
		}
		if err == nil && last.Before(before) {
			epochs = append(epochs, epoch)
		}
		return true, err
	})
	return epochs, err
}

// written returns when a session was last written to.
func (j *Journal) written(epoch string) (last time.Time, err error) {
	for _, name := range []string{rowsFile, sessionFile, recordingFile, "."} {
		switch is, err := j.root.Stat(epoch + "/" + name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return last, err
		case is.ModTime().After(last):
			last = is.ModTime()
		}
	}
	return last, nil
}
