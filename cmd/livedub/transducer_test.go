package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/internal/config"
	"livedub/internal/testkit/onnxfile"
	"livedub/internal/worker/workertest"
)

// transducerConfig has nothing but a recognizer.
func transducerConfig(t *testing.T, model string, languages ...string) config.Config {
	t.Helper()
	c := config.Default()
	c.Recognize.Engine, c.Translate.Engine, c.Speak.Engine, c.Lips.Engine = "transducer", "fake", "fake", "off"
	c.Models.Dir, c.Recognize.Spare = t.TempDir(), 0
	if model != "" {
		c.Recognize.Model = model
	}
	if languages != nil {
		c.Recognize.Languages = languages
	}
	return c
}

// TestTransducerNeedsItsModel: and its languages, which nobody else knows, unless it is of the catalogue.
func TestTransducerNeedsItsModel(t *testing.T) {
	for name, c := range map[string]struct {
		config.Config
		want string
	}{
		"nothing is set":     {transducerConfig(t, ""), "recognize.model to a transducer of livedub models list"},
		"no languages":       {transducerConfig(t, t.TempDir()), "recognize.languages to those that it knows"},
		"an empty folder":    {transducerConfig(t, t.TempDir(), "ko"), "has no encoder*.onnx"},
		"no folder":          {transducerConfig(t, "/nowhere/at/all", "ko"), "no folder of a transducer"},
		"not installed":      {transducerConfig(t, "zipformer-en"), "livedub models pull zipformer-en"},
		"nor with languages": {transducerConfig(t, "zipformer-en", "en"), "livedub models pull zipformer-en"},
		"another name":       {transducerConfig(t, "zipformer-enn", "en"), "did you mean zipformer-en"},
	} {
		e, err := openEngines(t.Context(), c.Config, slog.New(slog.DiscardHandler))
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestTransducerOfTheCatalogue pulls a transducer of a catalogue's from a server,
// and has it hear by its name, in the languages that the catalogue tells.
func TestTransducerOfTheCatalogue(t *testing.T) {
	dir, err := workertest.Build("transducerworker")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	net := t.TempDir()
	if err := onnxfile.Transducer(net, "\u2581GOOD", "\u2581MOR", "NING"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(net)))
	defer server.Close()
	entries, err := os.ReadDir(net)
	if err != nil {
		t.Fatal(err)
	}
	var files []any
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(net, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, map[string]any{"path": e.Name(), "size": len(b), "sha256": fmt.Sprintf("%x", sha256.Sum256(b)),
			"sources": []any{map[string]any{"url": server.URL + "/" + e.Name()}}})
	}
	b, err := json.Marshal(map[string]any{"models": []any{map[string]any{
		"name": "tiny-transducer", "what": "a transducer of a test", "languages": []string{"en", "ko"}, "licence": "MIT", "licence_text": "Be kind.", "files": files,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c := transducerConfig(t, "tiny-transducer")
	c.Models.Catalogue, c.Recognize.Worker = filepath.Join(t.TempDir(), "catalogue.json"), filepath.Join(dir, "transducerworker")
	if err := os.WriteFile(c.Models.Catalogue, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "models", "pull", "tiny-transducer", "--models-dir", c.Models.Dir, "--models-catalogue", c.Models.Catalogue); code != 0 {
		t.Fatal(errs)
	}
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if l := e.Recognizer.Languages(); !slices.Equal(l, []inference.Lang{"en", "ko"}) {
		t.Errorf("languages %v", l)
	}
	s, err := e.Recognizer.Open(t.Context(), inference.Listening{Lang: "ko"})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
