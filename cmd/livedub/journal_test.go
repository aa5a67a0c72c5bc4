package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/config"
	"livedub/session/spec"
)

// TestNowhereToKeep: where the default folder cannot be made a server that was asked for
// nothing starts, and says that nothing is kept; one that was asked for something does not.
func TestNowhereToKeep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_DATA_HOME", file)
	for name, ask := range map[string]func(*config.Config){
		"nothing": func(*config.Config) {}, "a folder": func(c *config.Config) { c.Store.Dir = filepath.Join(file, "store") },
		"files": func(c *config.Config) { c.Serve.Store = "files" }, "recordings": func(c *config.Config) { c.Serve.Record = "dubs" },
	} {
		c := config.Default()
		ask(&c)
		var log bytes.Buffer
		k, err := openKept(t.Context(), c, &calls{}, spec.EngineNames{}, slog.New(slog.NewTextHandler(&log, nil)))
		if k != nil {
			t.Errorf("%s: it is kept", name)
			k.Close()
		}
		if name == "nothing" {
			if err != nil || !strings.Contains(log.String(), "nothing is kept of calls") || !strings.Contains(log.String(), "--store-dir") {
				t.Errorf("%s: %v, %s", name, err, log.String())
			}
		} else if err == nil || !strings.Contains(err.Error(), "store.dir") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
