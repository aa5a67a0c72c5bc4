package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// hasSize tells whether f lies below dir with its size.
func (f File) hasSize(dir string) error {
	st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return err
	}
	return f.sized(st)
}

func (f File) sized(st os.FileInfo) error {
	switch {
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", f.Path)
	case st.Size() != f.Size:
		return fmt.Errorf("%s has %d bytes, not %d", f.Path, st.Size(), f.Size)
	}
	return nil
}

// pinned tells whether f's bytes are known beforehand.
func (f File) pinned() bool { return f.SHA256 != "" }

// measured returns f as the file at path is.
func (f File) measured(ctx context.Context, path string) (File, error) {
	in, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, in})
	if err != nil {
		return f, err
	}
	return File{f.Path, n, hex.EncodeToString(h.Sum(nil))}, nil
}

// verify tells whether the file at path has f's size and sum; if not, why.
func (f File) verify(ctx context.Context, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	if !f.pinned() && st.Mode().IsRegular() && st.Size() > 0 {
		return nil // nothing is known that it could differ from
	}
	if err := f.sized(st); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, in}); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.SHA256 {
		return fmt.Errorf("%s: %w: it has %s, the catalogue %s", f.Path, ErrSum, sum, f.SHA256)
	}
	return nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// copyFile writes what in has, which must be at most most bytes, to a new file at path, and syncs it.
func copyFile(in io.Reader, path string, most int64) (int64, error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("has more than %d bytes", most)
	}
	if err == nil {
		err = out.Sync()
	}
	return n, errors.Join(err, out.Close())
}

// linkFile makes to the same file as from, or a copy where the file system knows no links.
func linkFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Link(from, to); err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	_, err = copyFile(in, to, st.Size())
	return err
}

// writeFile writes a small file and syncs it.
func writeFile(path, text string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = out.WriteString(text)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// syncFile has the file or folder at path written to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
