package recording

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"livedub/store"
)

// Open returns the bytes of a file of a recording from offset on, n at most; n < 0 is to
// its end. file is "TAKE/init.mp4", "TAKE/00000012.m4s" or "LANG.mp4". What lies on this
// machine is the freshest and comes first. The caller closes it. It fails with store.ErrNotFound.
func (l *Library) Open(ctx context.Context, id, lang, file string, offset, n int64) (io.ReadCloser, store.Object, error) {
	k, err := key(id, lang, file)
	if err != nil {
		return nil, store.Object{}, err
	}
	return l.open(ctx, k, offset, n)
}

// Link returns an address at which anybody can get a file, as Open names them, for a
// while, under the name that it is to have; "" where there is none to give, and Open is to be used.
func (l *Library) Link(ctx context.Context, id, lang, file, name string) (string, error) {
	k, err := key(id, lang, file)
	if err != nil || l.cfg.Objects == nil {
		return "", err
	}
	if f, err := l.local(k); err == nil {
		return "", f.Close()
	}
	return l.cfg.Objects.Link(ctx, k, name, l.cfg.LinkLife)
}

// open opens a key, on this machine or else among the objects.
func (l *Library) open(ctx context.Context, k string, offset, n int64) (io.ReadCloser, store.Object, error) {
	f, err := l.local(k)
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.cfg.Objects != nil:
		r, o, err := l.cfg.Objects.Open(ctx, k, offset, n)
		if err == nil && typeOf(k) != "" {
			o.Type = typeOf(k)
		}
		return r, o, err
	case errors.Is(err, fs.ErrNotExist):
		return nil, store.Object{}, store.ErrNotFound
	case err != nil:
		return nil, store.Object{}, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = store.ErrNotFound
	}
	if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return nil, store.Object{}, errors.Join(err, f.Close())
	}
	o := store.Object{Key: k, Size: st.Size(), Type: typeOf(k), Modified: st.ModTime()}
	if n < 0 {
		return f, o, nil
	}
	return limited{io.LimitReader(f, n), f}, o, nil
}

// local opens a key's file on this machine. What leads out of the folder is not there.
func (l *Library) local(k string) (*os.File, error) {
	if l.cfg.Local == "" {
		return nil, fs.ErrNotExist
	}
	return os.OpenInRoot(l.cfg.Local, filepath.FromSlash(k))
}

// limited is a part of a file.
type limited struct {
	io.Reader
	io.Closer
}

// maxText bounds what is read of a file that describes others.
const maxText = 16 << 20

// read returns a small file.
func (l *Library) read(ctx context.Context, k string) ([]byte, error) {
	r, o, err := l.open(ctx, k, 0, -1)
	return readAll(r, o, err)
}

// readObject is read from Objects, whatever lies on this machine.
func (l *Library) readObject(ctx context.Context, k string) ([]byte, error) {
	r, o, err := l.cfg.Objects.Open(ctx, k, 0, -1)
	return readAll(r, o, err)
}

// readAll reads what was opened, and closes it.
func readAll(r io.ReadCloser, o store.Object, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if o.Size > maxText {
		return nil, errors.New(path.Base(o.Key) + " is larger than any that livedub writes")
	}
	return io.ReadAll(io.LimitReader(r, maxText))
}
