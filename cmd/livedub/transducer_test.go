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

// TestOfflineNeedsItsModel: and the languages of one whose files do not tell them.
func TestOfflineNeedsItsModel(t *testing.T) {
	parakeet := t.TempDir()
	if err := onnxfile.TDT(parakeet, "a"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config.Config
		want string
	}{
		"nothing is set":        {transducerConfig(t, ""), "recognize.model to parakeet-v3 or sensevoice"},
		"no languages":          {transducerConfig(t, parakeet), "no languages"},
		"an empty folder":       {transducerConfig(t, t.TempDir(), "ko"), "a SenseVoice model and tokens.txt"},
		"not installed":         {transducerConfig(t, "sensevoice"), "livedub models pull sensevoice"},
		"another name":          {transducerConfig(t, "parakeet"), "did you mean parakeet-v3"},
		"weights of another":    {transducerConfig(t, "kokoro", "en"), "livedub models pull kokoro"},
		"a transducer's folder": {transducerConfig(t, "/nowhere/at/all", "ko"), "no folder of a model"},
	} {
		c.Recognize.Engine = "offline"
		e, err := openEngines(t.Context(), c.Config, slog.New(slog.DiscardHandler))
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestSherpaOfTheCatalogue pulls models that sherpa-onnx runs of a catalogue's from a
// server, and has them hear by their name, in the languages that the catalogue tells.
func TestSherpaOfTheCatalogue(t *testing.T) {
	dir, err := workertest.Build("transducerworker")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, c := range map[string]struct {
		engine string
		write  func(dir string, pieces ...string) error
		want   []inference.Lang
	}{
		"a streaming transducer": {"transducer", onnxfile.Transducer, []inference.Lang{"en", "ko"}},
		"a Parakeet":             {"offline", onnxfile.TDT, []inference.Lang{"en", "ko"}},
		"a SenseVoice":           {"offline", onnxfile.SenseVoice, []inference.Lang{"en", "ko", inference.Auto}},
	} {
		t.Run(name, func(t *testing.T) { tryCatalogue(t, filepath.Join(dir, "transducerworker"), c.engine, c.write, c.want) })
	}
}

func tryCatalogue(t *testing.T, worker, engine string, write func(dir string, pieces ...string) error, want []inference.Lang) {
	net := t.TempDir()
	if err := write(net, "\u2581GOOD", "\u2581MOR", "NING"); err != nil {
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
		"name": "tiny", "what": "a transducer of a test", "languages": []string{"en", "ko"}, "licence": "MIT", "licence_text": "Be kind.", "own_terms": true, "files": files,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c := transducerConfig(t, "tiny")
	c.Recognize.Engine, c.Recognize.Worker = engine, worker
	c.Models.Catalogue = filepath.Join(t.TempDir(), "catalogue.json")
	if err := os.WriteFile(c.Models.Catalogue, b, 0o600); err != nil {
		t.Fatal(err)
	}
	pull := []string{"models", "pull", "tiny", "--models-dir", c.Models.Dir, "--models-catalogue", c.Models.Catalogue}
	if code, _, errs := call(t, pull...); code == 0 || !strings.Contains(errs, "--accept-terms") {
		t.Errorf("without a yes to its terms: %s", errs)
	}
	if code, out, errs := call(t, append(pull, "--accept-terms")...); code != 0 || !strings.Contains(out, "terms of its own") {
		t.Fatal(out, errs)
	}
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if l := e.Recognizer.Languages(); !slices.Equal(l, want) {
		t.Errorf("languages %v, want %v", l, want)
	}
	s, err := e.Recognizer.Open(t.Context(), inference.Listening{Lang: "ko"})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
