package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/internal/config"
	"livedub/internal/models"
	"livedub/session/spec"
)

// TestTier: what `auto` becomes with and without weights; engines that are named are taken.
func TestTier(t *testing.T) {
	for name, c := range map[string]struct {
		engines, recognize, speak string
		weights                   bool
		want, recognizer, voice   string
		missing                   string
		delay                     time.Duration
	}{
		"nothing there":      {"auto", "auto", "auto", false, "light", "pocketsphinx", "espeak", "livedub models pull whisper-base kokoro", 0},
		"weights there":      {"auto", "auto", "auto", true, "neural", "whisper", "kokoro", "", neuralDelay},
		"light all the same": {"light", "auto", "auto", true, "light", "pocketsphinx", "espeak", "", 0},
		"neural":             {"neural", "auto", "auto", false, "neural", "whisper", "kokoro", "", neuralDelay},
		"the voice is named": {"auto", "auto", "espeak", true, "neural", "whisper", "espeak", "", neuralDelay},
		"both are named":     {"auto", "fake", "fake", true, "custom", "fake", "fake", "", 0},
		"custom":             {"custom", "auto", "kokoro", true, "custom", "pocketsphinx", "kokoro", "", 0},
		"one's own":          {"auto", "transducer", "auto", true, "light", "transducer", "espeak", "", 0},
		"a Piper voice":      {"auto", "auto", "piper", false, "light", "pocketsphinx", "piper", "livedub models pull whisper-base brings better words", 0},
		"and words":          {"auto", "auto", "piper", true, "neural", "whisper", "piper", "", neuralDelay},
		"words are named":    {"auto", "whisper", "auto", false, "light", "whisper", "espeak", "livedub models pull kokoro brings better voices", 0},
		"off":                {"neural", "off", "auto", true, "neural", "off", "kokoro", "", neuralDelay},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Session.Engines, cfg.Recognize.Engine, cfg.Speak.Engine = c.engines, c.recognize, c.speak
			cfg.Models.Dir = t.TempDir()
			if c.weights {
				installModels(t, cfg.Models.Dir, cfg.Recognize.Model, voiceModel)
			}
			got, err := chooseTier(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got.name != c.want || got.recognizer != c.recognizer || got.voice != c.voice || !strings.Contains(got.missing, c.missing) || (got.missing == "") != (c.missing == "") {
				t.Errorf("%s: %s and %s (%s), want %s: %s and %s (%s)", got.name, got.recognizer, got.voice, got.missing, c.want, c.recognizer, c.voice, c.missing)
			}
			got.settle(&cfg)
			if d := time.Duration(cfg.Session.DelayMS) * time.Millisecond; d != c.delay {
				t.Errorf("D is %v, want %v", d, c.delay)
			}
			if l := got.light(cfg, "too slow"); l.name != "light" || l.missing != "too slow" || c.recognize == "auto" && l.recognizer != "pocketsphinx" {
				t.Errorf("light instead: %+v", l)
			}
			if named := c.speak != "auto"; named && strings.Contains(got.missing, voiceModel) {
				t.Errorf("%q names weights of a voice that is not wanted", got.missing)
			}
		})
	}
	cfg := config.Default()
	cfg.Session.DelayMS, cfg.Models.Dir = 2500, t.TempDir()
	(tier{name: "neural"}).settle(&cfg)
	if cfg.Session.DelayMS != 2500 {
		t.Errorf("D that somebody set became %d ms", cfg.Session.DelayMS)
	}
}

// TestTooSlow: of engines that are named some hear nothing, or other languages: only the
// tier's own are tried.
func TestTooSlow(t *testing.T) {
	for name, r := range map[string]inference.Recognizer{"both": &fake.Recognizer{}, "off": nil, "another language": english{&fake.Recognizer{}}} {
		e := &engines{log: slog.New(slog.DiscardHandler)}
		e.Recognizer, e.Synthesizer = r, &fake.Synthesizer{}
		if why, err := e.tooSlow(t.Context()); why != "" || err != nil {
			t.Errorf("%s: %q, %v", name, why, err)
		}
	}
}

// english hears nothing else.
type english struct{ *fake.Recognizer }

func (english) Languages() []inference.Lang { return []inference.Lang{"en"} }

func (e english) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	if l.Lang != "en" {
		return nil, inference.ErrUnsupported
	}
	return e.Recognizer.Open(ctx, l)
}

// TestDelay: the neural tier has a D of its own in profile sync, also where the server's profile is another.
func TestDelay(t *testing.T) {
	for _, c := range []struct {
		tier    string
		profile spec.Profile
		want    time.Duration
	}{
		{"neural", spec.Sync, neuralDelay}, {"neural", spec.Live, spec.Live.DefaultDelay()},
		{"light", spec.Sync, spec.Sync.DefaultDelay()}, {"custom", spec.Live, spec.Live.DefaultDelay()},
	} {
		if got := (tier{name: c.tier}).delay(c.profile); got != c.want {
			t.Errorf("%s, %s: %v, want %v", c.tier, c.profile, got, c.want)
		}
	}
}

// TestNeuralWithoutWeights: the error names the command that brings them.
func TestNeuralWithoutWeights(t *testing.T) {
	cfg := config.Default()
	cfg.Session.Engines, cfg.Models.Dir = "neural", t.TempDir()
	e, err := openEngines(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err == nil {
		e.Close()
		t.Fatal("engines without weights")
	}
	if !strings.Contains(err.Error(), "livedub models pull whisper-base") {
		t.Error(err)
	}
}

// installModels makes a folder of models look installed: the sizes are the catalogue's.
func installModels(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, e := range models.Builtin() {
		for _, n := range names {
			if e.Name != n {
				continue
			}
			var sums strings.Builder
			for _, f := range e.Files() {
				fmt.Fprintf(&sums, "%s  %s\n", f.SHA256, f.Path)
				path := filepath.Join(dir, n, filepath.FromSlash(f.Path))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(path, f.Size); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, n, "SHA256SUMS"), []byte(sums.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
