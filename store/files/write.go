package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"livedub/store"
)

const (
	// A file of rows is written anew, with the latest of each, once it has rewriteFrom
	// bytes and thrice what it had when that was last done.
	rewriteFrom, rewriteGrown = 4 << 20, 3
	// maxRows is how many bytes the rows of a session may have when they were just written anew.
	maxRows = 256 << 20
)

// Write appends to the files of the sessions. What a process that is killed meanwhile
// had written of a batch is kept; it is written again by whoever was not told.
func (j *Journal) Write(ctx context.Context, b store.Batch) error {
	clean, err := store.Clean(b)
	if err != nil {
		return err
	}
	done, err := j.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	epochs := clean.Epochs()
	unlock, err := j.lock(ctx, epochs)
	if err != nil {
		return err
	}
	defer unlock()
	var gone error
	var all []*change
	for _, epoch := range epochs {
		switch was, err := j.erased(epoch); {
		case err != nil:
			return err
		case was:
			gone = fmt.Errorf("session %s: %w", epoch, store.ErrErased)
		default:
			all = append(all, &change{j: j, epoch: epoch, rows: clean.Of(epoch)})
		}
	}
	for i, c := range all {
		if err := c.write(); err != nil {
			for _, c := range all[:i+1] {
				c.undo()
			}
			if errors.Is(err, store.ErrInvalid) {
				return err
			}
			return j.failed("write to", err)
		}
	}
	for _, c := range all {
		if err := c.keep(); err != nil {
			return j.failed("write to", err)
		}
	}
	return gone
}

// change is what is written of one session.
type change struct {
	j     *Journal
	epoch string
	rows  store.Batch

	made  bool     // its folder
	size  int64    // of its rows before
	grown bool     // its rows are more now
	temps []string // files that are to be given their names
}

// write writes all; nothing of it counts before keep but the rows.
func (c *change) write() error {
	switch err := c.j.root.Mkdir(c.epoch, dirMode); {
	case err == nil:
		c.made = true
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if len(c.rows.Sessions) > 0 {
		row, err := read[store.Session](c.j.root, c.path(sessionFile))
		if err == nil {
			err = c.temp(sessionFile, c.rows.Sessions[0].Over(row))
		}
		if err != nil {
			return err
		}
	}
	if len(c.rows.Recordings) > 0 {
		row, err := read[store.Recording](c.j.root, c.path(recordingFile))
		if err == nil {
			err = c.temp(recordingFile, c.rows.Recordings[0].Over(row))
		}
		if err != nil {
			return err
		}
	}
	return c.append()
}

func (c *change) path(name string) string { return c.epoch + "/" + name }

// temp writes a row beside the file that it will be.
func (c *change) temp(name string, row any) error {
	text, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	c.temps = append(c.temps, name)
	return writeSynced(c.j.root, c.path("."+name), append(text, '\n'))
}

// writeSynced writes a file that has reached the disk when it returns.
func writeSynced(root *os.Root, name string, text []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// append adds the rows behind those that there are.
func (c *change) append() error {
	text, err := encode(c.rows)
	if err != nil || len(text) == 0 {
		return err
	}
	f, err := c.j.root.OpenFile(c.path(rowsFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	defer f.Close()
	is, err := f.Stat()
	if err != nil {
		return err
	}
	c.size, c.grown = is.Size(), true
	if c.size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], c.size-1); err != nil {
			return err
		}
		if last[0] != '\n' { // who wrote it was killed: what is cut is no row, and what comes is one
			text = append([]byte("\n"), text...)
		}
	}
	if limit := max(rewriteFrom, rewriteGrown*base(f)); c.size+int64(len(text)) > limit {
		if size, err := c.rewrite(f); err == nil {
			c.size = size
		} else { // there may be room for what comes, if not for all again
			c.j.log.Warn("the rows of a session are not written anew: their file grows", "epoch", c.epoch, "bytes", c.size, "err", err)
		}
		if c.size+int64(len(text)) > maxRows {
			return fmt.Errorf("%w: the rows of session %s have %d bytes, %d at most", store.ErrInvalid, c.epoch, c.size, maxRows)
		}
		if f, err = c.j.root.OpenFile(c.path(rowsFile), os.O_WRONLY|os.O_APPEND, fileMode); err != nil {
			return err
		}
		defer f.Close()
	}
	_, err = f.Write(text)
	return err
}

// rewrite writes the file of rows anew and returns its size.
func (c *change) rewrite(f *os.File) (int64, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	b, _, err := scan(f, c.epoch)
	if err != nil {
		return 0, err
	}
	text, err := encode(b)
	if err != nil {
		return 0, err
	}
	first := baseLine(len(text))
	text = append(first, text...)
	temp := c.path("." + rowsFile)
	if err := writeSynced(c.j.root, temp, text); err != nil {
		_ = c.j.root.Remove(temp)
		return 0, err
	}
	return int64(len(text)), c.j.root.Rename(temp, c.path(rowsFile))
}

// undo takes back what write has done.
func (c *change) undo() {
	for _, name := range c.temps {
		_ = c.j.root.Remove(c.path("." + name)) // the next write of it takes its place
	}
	if c.grown {
		if f, err := c.j.root.OpenFile(c.path(rowsFile), os.O_WRONLY, fileMode); err == nil {
			_ = f.Truncate(c.size) // a cut line is no row, and a whole one may be there
			_ = f.Close()
		}
	}
	if c.made {
		_ = c.j.root.RemoveAll(c.epoch)
	}
}

// keep has what was written count.
func (c *change) keep() error {
	c.j.wrote(c.epoch)
	for _, name := range c.temps {
		if err := c.j.root.Rename(c.path("."+name), c.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// read reads a row that is a file by itself, the zero one where there is none. What
// cannot be read as one counts as none: the next write of it mends it.
func read[R any](root *os.Root, name string) (row R, err error) {
	text, err := root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return row, nil
	}
	if err != nil {
		return row, err
	}
	if err := json.Unmarshal(bytes.TrimSpace(text), &row); err != nil {
		return *new(R), nil
	}
	return row, nil
}
