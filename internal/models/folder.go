package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// maxFolder is how many files Sums reads: a model has a handful.
const maxFolder = 1000

// Sums returns the files that lie in a folder which no store keeps, with their
// sizes and sums, by their names. Folders within it are passed over.
func Sums(ctx context.Context, dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	var files []File
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
			continue
		}
		if len(files) == maxFolder {
			return nil, fmt.Errorf("models: %s has more than %d files", dir, maxFolder)
		}
		f, err := File{Path: e.Name()}.measured(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("models: %s has no files", dir)
	}
	return files, nil
}

// Same returns the names of the models that files have all of, each file as the
// catalogue pins it, under whatever name.
func (s *Store) Same(files []File) []string {
	var names []string
	for _, e := range s.entries {
		lacks := func(want File) bool {
			return !want.pinned() || !slices.ContainsFunc(files, func(f File) bool { return f.Size == want.Size && f.SHA256 == want.SHA256 })
		}
		if !slices.ContainsFunc(e.Files(), lacks) {
			names = append(names, e.Name)
		}
	}
	return names
}
