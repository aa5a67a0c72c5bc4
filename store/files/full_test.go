package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/store"
)

// TestFullDisk: a disk that is full makes a clear error, and leaves what was there as
// it was: nothing of the batch, nothing torn. With room again all goes on.
func TestFullDisk(t *testing.T) {
	groundtest.SmallDisk(t, 1024, func(t *testing.T, dir string) {
		j := openJournal(t, dir)
		b := rows("e", 0, 10)
		b.Sessions = []store.Session{{Epoch: "e", Name: "before"}}
		b.Recordings = []store.Recording{{ID: "e", Session: "before", State: store.Growing}}
		write(t, j, b)
		path := filepath.Join(dir, "e", rowsFile)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		free := groundtest.Fill(t, dir)
		more := rows("e", 10, 1000)
		more.Sessions = []store.Session{{Epoch: "e", Name: "after"}}
		more.Recordings = []store.Recording{{ID: "e", State: store.Whole}}
		more.Add(rows("d", 0, 3))
		more.Add(rows("f", 0, 3))
		for range 3 {
			err := j.Write(t.Context(), more)
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
				t.Fatalf("%v", err)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(before) {
				t.Fatalf("the rows have %d bytes, %d before: %v", len(after), len(before), err)
			}
			if s := session(t, j, "e"); s.Sessions[0].Name != "before" || s.Recordings[0].State != store.Growing || len(s.Phrases) != 10 {
				t.Fatalf("%+v", s)
			}
			for _, epoch := range []string{"d", "f"} {
				if _, err := j.Session(t.Context(), epoch); !errors.Is(err, store.ErrNotFound) {
					t.Fatalf("%s: %v", epoch, err)
				}
			}
		}
		free()
		write(t, j, more)
		if s := session(t, j, "e"); s.Sessions[0].Name != "after" || s.Recordings[0].State != store.Whole || len(s.Phrases) != 1000 {
			t.Errorf("%d phrases, %+v", len(s.Phrases), s.Sessions)
		}
	})
}

// TestFullDiskObjects: an object that has no room leaves the one before, and no part of itself.
func TestFullDiskObjects(t *testing.T) {
	groundtest.SmallDisk(t, 1024, func(t *testing.T, dir string) {
		o, err := OpenObjects(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		small, large := filepath.Join(t.TempDir(), "small"), filepath.Join(t.TempDir(), "large")
		if err := errors.Join(os.WriteFile(small, []byte("before"), 0o600), os.WriteFile(large, make([]byte, 2<<20), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := o.Put(t.Context(), "a/b.mp4", small, ""); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a/b.mp4", "c/d.mp4"} {
			if err := o.Put(t.Context(), key, large, ""); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s: %v", key, err)
			}
		}
		if got, err := os.ReadFile(filepath.Join(dir, "a/b.mp4")); err != nil || string(got) != "before" {
			t.Errorf("%q, %v", got, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*/.*")); err != nil || len(left) > 0 {
			t.Errorf("%v, %v", left, err)
		}
		if err := o.Delete(t.Context(), "a/"); err != nil {
			t.Error(err)
		}
	})
}
