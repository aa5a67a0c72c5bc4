package upload

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/store"
)

// TestResume: what lies in the folder is sent, the oldest first and lists last; what is not of a recording stays.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	mine := []string{"recordings/b/recording.json", segment(3), segment(1), segment(2), "recordings/b/es/es.mp4"}
	now := time.Now()
	for i, key := range mine {
		write(t, dir, key, key)
		at := now.Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, key), at, at); err != nil {
			t.Fatal(err)
		}
	}
	// Killed while it deleted: of one that was sent, and of one with a newer one there.
	write(t, dir, "recordings/c/es/.x.json.sent", "sent before")
	write(t, dir, "recordings/d/es/.x.json.sent", "old")
	write(t, dir, "recordings/d/es/x.json", "new")
	write(t, dir, ".upload-7/7", "a copy")
	others := []string{"recordings/b/.unfinished", "recordings/b/es/.00000001.m4s.1-2.part", "recordings/README", "sessions/a.json", ".hidden"}
	for _, key := range others {
		write(t, dir, key, "other")
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "recordings/b/link.json")); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "recordings/old/es")
	if err := os.MkdirAll(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, filepath.Dir(empty)} {
		// The uploader's time is that of synctest, which begins in 2000.
		if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		to := newObjects()
		to.on(func(context.Context, string) error { return store.ErrUnavailable })
		r := begin(t, dir, to, 1) // the bound is for what comes
		synctest.Wait()
		if s := r.Stats(); s.Files != 7 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
		var places []string
		for _, f := range r.media {
			places = append(places, f.key)
		}
		if want := []string{segment(3), segment(1), segment(2), "recordings/b/es/es.mp4"}; !slices.Equal(places, want) {
			t.Errorf("the order is %v", places)
		}
		to.on(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, key := range mine {
			if to.has(key) != key {
				t.Errorf("%s: %q", key, to.has(key))
			}
		}
		if c, d := to.has("recordings/c/es/x.json"), to.has("recordings/d/es/x.json"); c != "sent before" || d != "new" {
			t.Errorf("%q, %q", c, d)
		}
		if at := slices.IndexFunc(to.order, func(key string) bool { return strings.HasSuffix(key, "b/recording.json") }); at < slices.Index(to.order, "recordings/b/es/es.mp4") {
			t.Errorf("they came in this order: %v", to.order)
		}
		r.end()
	})
	want := append(others, "recordings/b/link.json")
	slices.Sort(want)
	got := left(t, dir)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("an empty folder is left")
	}
}

// TestOtherProcess: what another process is recording is left to it, and its copies stay.
func TestOtherProcess(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"recordings/a/recording.json", "recordings/b/recording.json", ".upload-1/7"} {
		write(t, dir, key, "x")
	}
	for _, held := range []string{"recordings/a", ".upload-1"} {
		f, err := lockFolder(filepath.Join(dir, held)) // a lock is of the open file, not of the process
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, dir, newObjects(), 1)
		synctest.Wait()
		r.end()
		if r.to.has("recordings/a/recording.json") != "" || r.to.has("recordings/b/recording.json") == "" {
			t.Errorf("%v", r.to.order)
		}
		if got := left(t, dir); !slices.Equal(got, []string{".upload-1/7", "recordings/a/recording.json"}) {
			t.Errorf("left: %v", got)
		}
	})
}

func TestFolderThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "recordings"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := New(Config{Dir: filepath.Join(dir, "recordings"), Objects: newObjects()})
	if err == nil {
		u.Close(t.Context())
		t.Error("a file is no folder")
	}
}

// TestClearKeepsWhatIsNewer: a file is deleted only as it was sent.
func TestClearKeepsWhatIsNewer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	write(t, dir, "a.json", "1")
	sent, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.json", "2")
	for _, f := range []func(string, fs.FileInfo) error{clear, remove} {
		if err := f(path, sent); err != nil {
			t.Error(err)
		}
	}
	if data, _ := os.ReadFile(path); string(data) != "2" {
		t.Errorf("%q is left", data)
	}
	// It becomes another one between the look and the deletion: what stands aside comes back.
	if err := os.Rename(path, aside(path)); err != nil {
		t.Fatal(err)
	}
	if err := restore(aside(path), path); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "2" || len(left(t, dir)) != 1 {
		t.Errorf("%q is left of %v", data, left(t, dir))
	}
	if err := os.Rename(path, aside(path)); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.json", "3")
	if err := restore(aside(path), path); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "3" || len(left(t, dir)) != 1 {
		t.Errorf("%q is left of %v", data, left(t, dir))
	}
	now, _ := os.Lstat(path)
	if err := clear(path, now); err != nil || len(left(t, dir)) != 0 {
		t.Errorf("%v, left: %v", err, left(t, dir))
	}
	if err := clear(path, now); err != nil {
		t.Errorf("twice: %v", err)
	}
}
