package files

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"livedub/store"
)

// TestLinksOutside: no link in the folder leads out of it.
func TestLinksOutside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret.mp4")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := OpenObjects(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "out")), os.Symlink(secret, filepath.Join(dir, "file.mp4"))); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"out/secret.mp4", "file.mp4"} {
		if body, _, err := o.Open(t.Context(), key, 0, -1); err == nil {
			t.Errorf("%s was read", key)
			_ = body.Close()
		}
	}
	if err := o.Put(t.Context(), "out/new.mp4", secret, ""); err == nil {
		t.Error("put beyond a link")
	}
	all, err := o.List(t.Context(), "")
	if err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if err := o.Delete(t.Context(), "out/"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(secret); err != nil {
		t.Errorf("what lies outside is gone: %v", err)
	}
}

// TestExcept: what is somebody else's in the folder is no object.
func TestExcept(t *testing.T) {
	dir := t.TempDir()
	words := filepath.Join(dir, "journal", "e", "rows.jsonl")
	if err := errors.Join(os.MkdirAll(filepath.Dir(words), 0o700), os.WriteFile(words, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	o, err := OpenObjects(dir, "journal")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for _, key := range []string{"journal/e/rows.jsonl", "journal"} {
		_, _, open := o.Open(t.Context(), key, 0, -1)
		for what, err := range map[string]error{"open": open, "put": o.Put(t.Context(), key, words, ""), "delete": o.Delete(t.Context(), key), "all of it": o.Delete(t.Context(), "journal/")} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s %s: %v", what, key, err)
			}
		}
	}
	if err := o.Delete(t.Context(), "jour"); err != nil {
		t.Error(err)
	}
	if all, err := o.List(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := os.Stat(words); err != nil {
		t.Error(err)
	}
}

// TestPutOntoItself: a file that lies where its object is stays there.
func TestPutOntoItself(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mp4")
	if err := os.WriteFile(path, []byte("body"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := OpenObjects(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Put(t.Context(), "a.mp4", path, ""); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it is another file: %v", err)
	}
}
