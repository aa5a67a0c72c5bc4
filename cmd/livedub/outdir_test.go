package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOutDirIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o [1] %d")
	first, err := openOutDir(path, []string{"es.mp4"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openOutDir(path, []string{"ca.mp4"}); err == nil || !strings.Contains(err.Error(), "-o") || !strings.Contains(err.Error(), path) {
		t.Errorf("a second one: %v", err)
	}
	first.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an empty folder is left: %v", err)
	}
	// What a killed dub leaves is cleared away; all else stays.
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".es.mp4.17-1.part", ".fr.mp4.17-1.part", "es.mp4", ".es.mp4"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openOutDir(path, []string{"es.mp4"})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	left, err := filepath.Glob(filepath.Join(strings.NewReplacer("[", "\\[").Replace(path), ".*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := openOutDir(filepath.Join(path, "es.mp4", "o"), nil); err == nil || !strings.Contains(err.Error(), "-o") {
		t.Errorf("below a file: %v", err)
	}
}
