package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"livedub/store"
)

// Objects is a store.Objects in a folder: an object is the file that has its key for a
// path there. It knows types by names, and has no links.
type Objects struct {
	dir    string
	root   *os.Root
	except []string
}

// OpenObjects opens the objects in a folder, which it makes where there is none. Below
// the folders in it that are excepted, which are somebody else's, no object has its key.
func OpenObjects(dir string, except ...string) (*Objects, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Objects{dir, root, except}, nil
}

// types are the media types of objects, by the ends of their keys.
var types = map[string]store.Type{
	".mp4": "video/mp4", ".m4s": "video/iso.segment", ".json": "application/json", ".vtt": "text/vtt", ".m3u8": "application/vnd.apple.mpegurl",
}

func typeOf(key string) store.Type {
	if t := types[path.Ext(key)]; t != "" {
		return t
	}
	return "application/octet-stream"
}

func (o *Objects) failed(what string, err error) error {
	if errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("files: the objects are closed: %w", err)
	}
	return failed(what, o.dir, err)
}

func (o *Objects) check(key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	first, _, _ := strings.Cut(key, "/")
	if slices.Contains(o.except, first) {
		return fmt.Errorf("%w: key %s: nothing is kept below %s", store.ErrInvalid, key, first)
	}
	return nil
}

// tries is how often a folder is made that is deleted meanwhile.
const tries = 5

// Put copies the file at path, unless it is the object's already. The object's bytes
// have reached the disk when it returns.
func (o *Objects) Put(ctx context.Context, key, path string, _ store.Type) error {
	if err := o.check(key); err != nil {
		return err
	}
	from, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open what is to be kept as %s: %w", key, err)
	}
	defer from.Close()
	is, err := from.Stat()
	if err != nil || !is.Mode().IsRegular() {
		return fmt.Errorf("%w: %s, for %s, is no file: %w", store.ErrInvalid, path, key, errors.Join(err, fs.ErrInvalid))
	}
	if there, err := o.root.Stat(key); err == nil && os.SameFile(is, there) {
		return nil
	}
	for range tries {
		if _, err = from.Seek(0, io.SeekStart); err == nil {
			err = o.put(ctx, key, from)
		}
		if !errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return o.failed("put "+key+" into", err)
	}
	return nil
}

func (o *Objects) put(ctx context.Context, key string, from io.Reader) (err error) {
	dir := path.Dir(key)
	if err := o.root.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	temp := path.Join(dir, "."+rand.Text())
	f, err := o.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = o.root.Remove(temp)
		}
	}()
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Sync(), f.Close(), ctx.Err()); err != nil {
		return err
	}
	if err := o.root.Rename(temp, key); err != nil {
		return err
	}
	d, err := o.root.Open(dir)
	if err != nil {
		return nil // it was deleted since
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open opens the object's file.
func (o *Objects) Open(_ context.Context, key string, offset, n int64) (io.ReadCloser, store.Object, error) {
	if err := o.check(key); err != nil {
		return nil, store.Object{}, err
	}
	if offset < 0 {
		return nil, store.Object{}, fmt.Errorf("%w: %s from byte %d on", store.ErrInvalid, key, offset)
	}
	is, err := o.root.Stat(key) // a pipe is not opened: it would wait for who writes to it
	if err == nil && !is.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	var f *os.File
	if err == nil {
		f, err = o.root.Open(key)
	}
	if err == nil {
		is, err = f.Stat()
	}
	switch {
	case missing(err):
		return nil, store.Object{}, fmt.Errorf("object %s: %w", key, store.ErrNotFound)
	case err != nil:
		return nil, store.Object{}, o.failed("open "+key+" in", err)
	}
	left := max(0, is.Size()-offset)
	if n < 0 || n > left {
		n = left
	}
	return part{io.NewSectionReader(f, min(offset, is.Size()), n), f}, object(key, is), nil
}

// part is some of a file.
type part struct {
	io.Reader
	io.Closer
}

func object(key string, is fs.FileInfo) store.Object {
	return store.Object{Key: key, Size: is.Size(), Type: typeOf(key), Modified: is.ModTime()}
}

// missing tells whether an error says that there is no such file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// List walks the folders that keys with that prefix lie in.
func (o *Objects) List(ctx context.Context, prefix string) (out []store.Object, err error) {
	if err := store.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	from := "."
	if at := strings.LastIndexByte(prefix, '/'); at >= 0 {
		from = prefix[:at]
	}
	err = fs.WalkDir(o.root.FS(), from, func(key string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case missing(err):
			return nil
		case err != nil:
			return err
		case e.IsDir():
			inside := key == "." || strings.HasPrefix(key+"/", prefix) || strings.HasPrefix(prefix, key+"/")
			if key != "." && (o.check(key) != nil || !inside) {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) || o.check(key) != nil:
			return nil
		}
		is, err := e.Info()
		if missing(err) {
			return nil
		}
		if err == nil {
			out = append(out, object(key, is))
		}
		return err
	})
	if err != nil {
		return nil, o.failed("list "+prefix+" in", err)
	}
	slices.SortFunc(out, func(a, b store.Object) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// Delete deletes the files, and the folders that are empty then.
func (o *Objects) Delete(ctx context.Context, prefix string) error {
	if prefix == "" {
		return fmt.Errorf("%w: no prefix would delete all objects", store.ErrInvalid)
	}
	dir, whole := strings.CutSuffix(prefix, "/")
	if whole { // with what was being put there when a process was killed
		if err := o.check(dir); err != nil {
			return err
		}
		if is, err := o.root.Lstat(dir); err == nil && is.Mode().IsRegular() {
			return nil // a key that does not begin with the prefix
		}
		if err := o.root.RemoveAll(dir); err != nil && !missing(err) {
			return o.failed("delete "+prefix+" in", err)
		}
		o.tidy(dir)
		return nil
	}
	if err := o.check(prefix); err != nil {
		return err
	}
	all, err := o.List(ctx, prefix)
	if err != nil {
		return err
	}
	for _, is := range all {
		if err := o.root.Remove(is.Key); err != nil && !missing(err) {
			return o.failed("delete "+is.Key+" in", err)
		}
		o.tidy(is.Key)
	}
	return nil
}

// tidy deletes the folders above a key that are empty.
func (o *Objects) tidy(key string) {
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if o.root.Remove(dir) != nil {
			return
		}
	}
}

// Link has no address to give.
func (o *Objects) Link(_ context.Context, key, _ string, _ time.Duration) (string, error) {
	return "", o.check(key)
}

// Close lets go of the folder.
func (o *Objects) Close() error { return o.root.Close() }
