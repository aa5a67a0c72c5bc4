package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Store is a folder of installed models, one folder each, and the catalogue
// that they are held against. It is safe for concurrent use, also by several
// processes.
type Store struct {
	dir     string
	entries []Entry
	timing  timing
}

// Folders of the store that are no models; no model's name begins with a dot.
const (
	locksDir   = ".locks"
	stagingDir = ".pull"
)

// Open returns the store in the folder dir, which need not be there yet. The
// catalogues are checked; a name may stand in one of them only.
func Open(dir string, catalogues ...[]Entry) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	s := &Store{dir: dir, timing: patient}
	for _, entries := range catalogues {
		for _, e := range entries {
			if err := e.check(); err != nil {
				return nil, fmt.Errorf("models: the catalogue: %w", err)
			}
		}
		if err := join(entries, s.entries); err != nil {
			return nil, fmt.Errorf("models: the catalogue: %w", err)
		}
		s.entries = append(s.entries, entries...)
	}
	return s, nil
}

// DefaultDir returns the user's own folder for models: livedub/models in
// $XDG_DATA_HOME, or in ~/.local/share.
func DefaultDir() (string, error) {
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) { // the XDG specification has relative ones ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("models: no folder for models: %w", err)
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "livedub", "models"), nil
}

// Dir returns the store's folder.
func (s *Store) Dir() string { return s.dir }

// Entries returns the catalogue.
func (s *Store) Entries() []Entry { return slices.Clone(s.entries) }

// Entry returns the model of that name, or ErrUnknown.
func (s *Store) Entry(name string) (Entry, error) {
	for _, e := range s.entries {
		if e.Name == name {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("models: %s: %w", show(name), ErrUnknown)
}

// Path returns the folder of an installed model. It fails with ErrUnknown,
// ErrMissing, or ErrDamaged where a file is missing, is of another size, or is
// of another catalogue. Contents are compared by Verify, which takes longer.
func (s *Store) Path(name string) (string, error) {
	e, err := s.Entry(name)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, name)
	sums, err := os.ReadFile(filepath.Join(dir, sumsFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(dir); err == nil {
			return "", fmt.Errorf("models: %s: %w: %s has no %s", name, ErrDamaged, dir, sumsFile)
		}
		return "", fmt.Errorf("models: %s: %w: looked in %s", name, ErrMissing, s.dir)
	case err != nil:
		return "", fmt.Errorf("models: %s: %w", name, err)
	}
	e, known := e.recorded(sums)
	switch {
	case !known || string(sums) != e.sums():
		return "", fmt.Errorf("models: %s: %w: %s is of another catalogue", name, ErrDamaged, dir)
	}
	for _, f := range e.Files() {
		if err := f.hasSize(dir); err != nil {
			return "", fmt.Errorf("models: %s: %w: %w", name, ErrDamaged, err)
		}
	}
	return dir, nil
}

// sums returns what stands in a model's SHA256SUMS, which sha256sum -c reads: of an
// unpinned model the sizes too, in lines that it passes over.
func (e Entry) sums() string {
	var b strings.Builder
	if e.Unpinned {
		for _, f := range e.Files() {
			fmt.Fprintf(&b, "# %d  %s\n", f.Size, f.Path)
		}
	}
	for _, f := range e.Files() {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Path)
	}
	return b.String()
}

// recorded returns e with the sizes and sums of unpinned files that stand in a
// SHA256SUMS; false where one is missing.
func (e Entry) recorded(sums []byte) (Entry, bool) {
	if !e.Unpinned {
		return e, true
	}
	found := map[string]File{}
	for line := range strings.Lines(string(sums)) {
		value, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		f := found[path]
		if size, ok := strings.CutPrefix(value, "# "); ok {
			f.Size, _ = strconv.ParseInt(size, 10, 64)
		} else {
			f.SHA256 = value
		}
		found[path] = f
	}
	known := true
	fill := func(f File) File {
		r := found[f.Path]
		if f.pinned() {
			return f
		}
		if r.Size < 1 || !sumForm.MatchString(r.SHA256) {
			known = false
			return f
		}
		return File{f.Path, r.Size, r.SHA256}
	}
	e.Parts, e.Made = slices.Clone(e.Parts), slices.Clone(e.Made)
	for i, p := range e.Parts {
		if !p.Scratch {
			e.Parts[i].File = fill(p.File)
		}
	}
	for i, f := range e.Made {
		e.Made[i] = fill(f)
	}
	return e, known
}

// measured returns e with the sizes and sums that its unpinned files have in a folder.
func (e Entry) measured(ctx context.Context, dir string) (Entry, error) {
	e.Parts, e.Made = slices.Clone(e.Parts), slices.Clone(e.Made)
	fill := func(f *File) (err error) {
		if !f.pinned() {
			*f, err = f.measured(ctx, filepath.Join(dir, filepath.FromSlash(f.Path)))
		}
		return err
	}
	for i := range e.Parts {
		if p := &e.Parts[i]; !p.Scratch {
			if err := fill(&p.File); err != nil {
				return e, err
			}
		}
	}
	for i := range e.Made {
		if err := fill(&e.Made[i]); err != nil {
			return e, err
		}
	}
	return e, nil
}

// known returns e with what the installed model's SHA256SUMS records; false where
// that lacks anything.
func (s *Store) known(e Entry) (Entry, bool) {
	sums, err := os.ReadFile(filepath.Join(s.dir, e.Name, sumsFile))
	if err != nil {
		return e, !e.Unpinned
	}
	return e.recorded(sums)
}

// Finding is what Verify found of one file.
type Finding struct {
	Path string
	Err  error // nil: it is as the catalogue has it
}

// Verify reads every file of an installed model and compares its SHA-256. It
// fails with ErrUnknown, with ErrMissing where the model is not installed, and
// with ErrDamaged where any finding has an error.
func (s *Store) Verify(ctx context.Context, name string) ([]Finding, error) {
	e, err := s.Entry(name)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("models: %s: %w: looked in %s", name, ErrMissing, s.dir)
	}
	e, recorded := s.known(e)
	if !recorded {
		return nil, fmt.Errorf("models: %s: %w: %s tells no sums of what was trusted", name, ErrDamaged, filepath.Join(dir, sumsFile))
	}
	var all []Finding
	wrong := 0
	for _, f := range e.Files() {
		err := f.verify(ctx, filepath.Join(dir, filepath.FromSlash(f.Path)))
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if err != nil {
			wrong++
		}
		all = append(all, Finding{f.Path, err})
	}
	if wrong > 0 {
		return all, fmt.Errorf("models: %s: %w: %d of %d files are wrong or missing", name, ErrDamaged, wrong, len(all))
	}
	_, err = s.Path(name) // SHA256SUMS
	return all, err
}

// Remove deletes an installed model and what an interrupted pull left of it.
// It fails with ErrUnknown, and with ErrMissing where there was nothing.
func (s *Store) Remove(ctx context.Context, name string) error {
	if _, err := s.Entry(name); err != nil {
		return err
	}
	dir, staging := filepath.Join(s.dir, name), s.staging(name)
	found := false
	for _, d := range []string{dir, staging} {
		if _, err := os.Lstat(d); err == nil {
			found = true
		}
	}
	if !found {
		return fmt.Errorf("models: %s: %w: looked in %s", name, ErrMissing, s.dir)
	}
	unlock, err := s.lock(ctx, name, nil)
	if err != nil {
		return err
	}
	defer unlock()
	// The name goes at once, so that nobody opens half a model.
	gone := filepath.Join(staging, "removed")
	if err := errors.Join(os.MkdirAll(staging, 0o755), os.RemoveAll(gone)); err != nil {
		return fmt.Errorf("models: %s: %w", name, err)
	}
	if err := os.Rename(dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("models: %s: %w", name, err)
	}
	if err := os.RemoveAll(staging); err != nil {
		return fmt.Errorf("models: %s: %w", name, err)
	}
	return nil
}

// staging returns the folder in which a model is put together.
func (s *Store) staging(name string) string { return filepath.Join(s.dir, stagingDir, name) }
