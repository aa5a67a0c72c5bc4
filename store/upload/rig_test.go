package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"livedub/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// objects keeps what is put and asks before what becomes of it.
type objects struct {
	store.Objects // the rest is not called

	mu    sync.Mutex
	kept  map[string]string
	order []string // keys, as they arrived
	puts  int
	put   func(ctx context.Context, key string) error // nil: it works at once
	del   func(prefix string) error
}

func newObjects() *objects { return &objects{kept: map[string]string{}} }

func (o *objects) Put(ctx context.Context, key, path string, t store.Type) error {
	o.mu.Lock()
	o.puts++
	put := o.put
	o.mu.Unlock()
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if put != nil {
		if err := put(ctx, key); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept[key] = string(data)
	o.order = append(o.order, key)
	return nil
}

func (o *objects) Delete(_ context.Context, prefix string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.del != nil {
		if err := o.del(prefix); err != nil {
			return err
		}
	}
	for key := range o.kept {
		if strings.HasPrefix(key, prefix) {
			delete(o.kept, key)
		}
	}
	return nil
}

// on has put be asked from now on.
func (o *objects) on(put func(ctx context.Context, key string) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put = put
}

func (o *objects) has(key string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept[key]
}

// rig is an uploader and its folder.
type rig struct {
	*Uploader
	t   *testing.T
	dir string
	to  *objects
}

// begin starts an uploader that ends with the test's function.
func begin(t *testing.T, dir string, to *objects, maxBytes int64) rig {
	t.Helper()
	u, err := New(Config{Dir: dir, Objects: to, MaxBytes: maxBytes})
	if err != nil {
		t.Fatal(err)
	}
	return rig{u, t, dir, to}
}

// end ends it and gives it no time.
func (r rig) end() {
	r.t.Helper()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Close(now); err != nil {
		r.t.Error(err)
	}
}

// write makes a file as recorders do: whole or not at all.
func write(t *testing.T, dir, key, data string) {
	t.Helper()
	path := filepath.Join(dir, key)
	aside := filepath.Join(filepath.Dir(path), ".part")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(aside, []byte(data), 0o600), os.Rename(aside, path)); err != nil {
		t.Fatal(err)
	}
}

// add makes a file and announces it.
func (r rig) add(key, data string) {
	r.t.Helper()
	write(r.t, r.dir, key, data)
	r.Add(key)
}

// left returns the files that lie in a folder.
func left(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func segment(n int) string { return fmt.Sprintf("recordings/a/es/0-1-x/%08d.m4s", n) }
