package mouths

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/store"
	"livedub/store/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf returns one in files, their folder, and what it logs.
func shelf(t *testing.T, keep time.Duration) (*Shelf, string, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	o, err := files.OpenObjects(dir)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := New(Config{Objects: o, Keep: keep, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	t.Cleanup(func() {
		s.Close()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, dir, &log
}

// keep keeps data under a key as a session does, and waits.
func keep(t *testing.T, s *Shelf, key string, data []byte) {
	t.Helper()
	p, err := s.Place(key)
	if err != nil {
		t.Fatal(err)
	}
	p.Leave(data)
	s.wg.Wait()
}

func load(t *testing.T, s *Shelf, key string) ([]byte, error) {
	t.Helper()
	p, err := s.Place(key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Leave(nil)
	return p.Load(t.Context())
}

// onDisk returns all bytes and names below a folder.
func onDisk(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(append(all, path...), b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestKeep: what is kept under a key is found by it and by no other one, may be replaced,
// and erased; neither the disk nor a log tells the key or what is kept.
func TestKeep(t *testing.T) {
	s, dir, log := shelf(t, time.Hour)
	key, other := NewKey(), NewKey()
	secret, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || key == other {
		t.Fatal(key, other, err)
	}
	if _, err := load(t, s, key); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "no mouths are kept under this key") {
		t.Errorf("before anything is kept: %v", err)
	}
	first, second := []byte("mouths\x00\x01 \x89PNG\r\n\x1a\n first"), []byte("mouths\x00\x01 \x89PNG\r\n\x1a\n second")
	keep(t, s, key, first)
	keep(t, s, key, second)
	keep(t, s, key, nil) // a session in which nothing was learned leaves what is there
	if got, err := load(t, s, key); err != nil || !bytes.Equal(got, second) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := load(t, s, other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("by another key: %q, %v", got, err)
	}
	disk := onDisk(t, dir)
	for what, b := range map[string][]byte{"the key": []byte(key), "its bytes": secret, "a PNG": []byte("PNG"), "a header": []byte("IHDR"), "the format": []byte("mouths\x00"), "what is kept": []byte("second")} {
		if bytes.Contains(disk, b) || bytes.Contains(log.Bytes(), b) {
			t.Errorf("%s is on the disk, or in the log", what)
		}
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 1 || all[0].Bytes == 0 {
		t.Errorf("%v, %v", all, err)
	}
	if err := s.Erase(t.Context(), other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("erased by another key: %v", err)
	}
	if err := s.Erase(t.Context(), key); err != nil {
		t.Error(err)
	}
	if _, err := load(t, s, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after it was erased: %v", err)
	}
	if left := onDisk(t, dir); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if st := s.Stats(); st != (Stats{Saved: 2, Found: 1, Missing: 3, Erased: 2}) {
		t.Errorf("%+v", st)
	}
}

// TestBadKeys: what is no key is refused and not told.
func TestBadKeys(t *testing.T) {
	s, _, _ := shelf(t, 0)
	good := NewKey()
	for _, key := range []string{"", "hush", good + "A", good[:42], good[:42] + "!", "../../../etc/passwd", strings.Repeat("A", 1<<20)} {
		if _, err := s.Place(key); !errors.Is(err, ErrKey) || key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%.50q: %v", key, err)
		}
		if err := s.Erase(t.Context(), key); !errors.Is(err, ErrKey) {
			t.Errorf("%.50q: %v", key, err)
		}
	}
}

// TestMoved: what was changed, or put where another's was, does not open.
func TestMoved(t *testing.T) {
	s, dir, _ := shelf(t, 0)
	a, b := NewKey(), NewKey()
	keep(t, s, a, []byte("a's mouths"))
	keep(t, s, b, []byte("b's mouths"))
	all, err := s.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	path := func(i int) string { return filepath.Join(dir, "mouths", all[i].Name) }
	if err := os.Rename(path(0), path(1)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{a, b} {
		if got, err := load(t, s, key); err == nil || !errors.Is(err, ErrUnreadable) && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.Truncate(path(1), 3); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path(1), most+100); err != nil { // sparse
		t.Fatal(err)
	}
	for _, key := range []string{a, b} {
		if _, err := load(t, s, key); err == nil {
			t.Error("what is too large was read")
		}
	}
}

// TestErasedMeanwhile: what is erased while a session is under way is not kept at its end.
func TestErasedMeanwhile(t *testing.T) {
	s, dir, _ := shelf(t, 0)
	key := NewKey()
	p, err := s.Place(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Erase(t.Context(), key); err != nil || !p.Gone() {
		t.Errorf("%v, gone: %v", err, p.Gone())
	}
	p.Leave([]byte("mouths"))
	s.wg.Wait()
	if left := onDisk(t, dir); len(left) > 0 {
		t.Errorf("%q was kept", left)
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	keep(t, s, key, []byte("mouths"))
	if st := s.Stats(); st.Lost != 1 || len(onDisk(t, dir)) > 0 {
		t.Errorf("after Close: %+v", st)
	}
}

// TestSweep: what has not been used for long enough is erased; the operator may erase any.
func TestSweep(t *testing.T) {
	s, dir, _ := shelf(t, time.Hour)
	old, young := NewKey(), NewKey()
	keep(t, s, old, []byte("old"))
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "mouths", all[0].Name), past, past); err != nil {
		t.Fatal(err)
	}
	keep(t, s, young, []byte("young"))
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := s.List(t.Context())
	if err != nil || len(left) != 1 || left[0].Name == all[0].Name {
		t.Fatalf("%v, %v", left, err)
	}
	for _, name := range []string{"", "a/b", "../x"} {
		if err := s.Remove(t.Context(), name); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := s.Remove(t.Context(), left[0].Name); err != nil {
		t.Error(err)
	}
	if left, err := s.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// away is a store that does not answer at first.
type away struct {
	store.Objects
	mu    sync.Mutex
	fails int
}

func (a *away) Put(ctx context.Context, key, path string, t store.Type) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fails--; a.fails >= 0 {
		return store.ErrUnavailable
	}
	return a.Objects.Put(ctx, key, path, t)
}

// TestAway: a store that does not answer is asked again; what it does not take is counted.
func TestAway(t *testing.T) {
	for fails, want := range map[int]Stats{1: {Saved: 1}, saveTries: {Lost: 1}} {
		o, err := files.OpenObjects(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		s := New(Config{Objects: &away{Objects: o, fails: fails}})
		keep(t, s, NewKey(), []byte("mouths"))
		s.Close()
		if err := o.Close(); err != nil || s.Stats() != want {
			t.Errorf("after %d failures: %+v, %v", fails, s.Stats(), err)
		}
	}
}

// FuzzKey: no text but a key leads to a place.
func FuzzKey(f *testing.F) {
	f.Add(NewKey())
	f.Add("")
	f.Fuzz(func(t *testing.T, key string) {
		p, err := placeOf(key)
		if err != nil {
			return
		}
		if b, err := base64.RawURLEncoding.DecodeString(key); err != nil || len(b) != secretSize || store.CheckKey(p.object()) != nil {
			t.Errorf("%q leads to %s", key, p.object())
		}
	})
}
