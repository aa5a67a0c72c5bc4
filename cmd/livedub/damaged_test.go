package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/config"
	"livedub/internal/worker/workertest"
)

// TestDamagedWeights: weights of the right sizes and the wrong contents, or cut
// ones, are named with what finds and mends them; auto takes the light engines, and tells why.
func TestDamagedWeights(t *testing.T) {
	workers, err := workertest.Build("pocketsphinxworker", "espeakworker")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(workers)
	for name, c := range map[string]struct {
		recognize, speak string
		spoil            func(dir string) error
		says             string
	}{
		"zeros in the recognizer": {"auto", "fake", nil, "livedub models verify whisper-base"},
		"zeros in the voice":      {"fake", "auto", nil, "livedub models verify kokoro"},
		"cut": {"auto", "fake", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "whisper-base", "encoder.int8.onnx"), 1000)
		}, "livedub models pull whisper-base"},
		"gone": {"auto", "fake", func(dir string) error { return os.Remove(filepath.Join(dir, "whisper-base", "encoder.int8.onnx")) }, "livedub models pull whisper-base"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Recognize.Engine, cfg.Speak.Engine, cfg.Translate.Engine, cfg.Lips.Engine = c.recognize, c.speak, "fake", "off"
			cfg.Recognize.Worker, cfg.Speak.Worker = filepath.Join(workers, "pocketsphinxworker"), filepath.Join(workers, "espeakworker")
			cfg.Recognize.Spare, cfg.Models.Dir = 0, t.TempDir()
			installModels(t, cfg.Models.Dir, cfg.Recognize.Model, voiceModel)
			if c.spoil != nil {
				if err := c.spoil(cfg.Models.Dir); err != nil {
					t.Fatal(err)
				}
			}
			log := slog.New(slog.NewTextHandler(io.Discard, nil))
			cfg.Session.Engines = "neural"
			e, err := openEngines(t.Context(), cfg, log)
			if err == nil {
				e.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("neural: %v, want %q", err, c.says)
			}
			cfg.Session.Engines = "auto"
			e, err = openEngines(t.Context(), cfg, log)
			if err != nil {
				t.Fatalf("auto: %v", err)
			}
			defer e.Close()
			if e.tier.name != "light" || e.tier.missing == "" {
				t.Errorf("auto: %s (%s)", e.tier.name, e.tier.missing)
			}
			if !strings.Contains(e.tier.missing, c.says) {
				t.Errorf("auto tells %q, want %q in it", e.tier.missing, c.says)
			}
		})
	}
}
