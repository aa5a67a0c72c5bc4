package kokoro

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/onnx"
	"livedub/inference/onnx/onnxfile"
	"livedub/inference/speak"
	"livedub/internal/testkit/groundtest"
	"livedub/media/codec"
)

// real opens the voice that people hear: skipped without its weights.
func real(t *testing.T) *Kokoro {
	t.Helper()
	dir := groundtest.Weights(t, "kokoro")
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	net, err := Load(t.Context(), dir, func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, TimeLimit: groundtest.NetPatience, Example: example})
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	k, err := New(Config{Dir: dir, Net: net, Phonemes: e, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func TestContract(t *testing.T) {
	inferencetest.TestSynthesizer(t, func(t *testing.T) inference.Synthesizer { return real(t) }, "es", "El gobierno anunció nuevas medidas.")
}

// TestSpeaksEveryLanguage: sentences of each language, in both voices.
func TestSpeaksEveryLanguage(t *testing.T) {
	k := real(t)
	for lang, text := range map[inference.Lang]string{
		"en": "Good morning, my brother has a red car.",
		"es": "Buenos días, mi hermano tiene un coche rojo.",
		"fr": "Bonjour, mon frère a une voiture rouge.",
		"it": "Buongiorno, mio fratello ha una macchina rossa.",
		"pt": "Bom dia, meu irmão tem um carro vermelho.",
		"hi": "नमस्ते, मेरे भाई के पास लाल गाड़ी है।",
	} {
		for _, g := range []inference.Gender{inference.Female, inference.Male} {
			s, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: text, Gender: g})
			if err != nil {
				t.Fatalf("%s: %v", lang, err)
			}
			inferencetest.Speech(t, s)
			t.Logf("%s %s: %v, %d marks, words %v", lang, s.Voice, s.Sound.Duration(), len(s.Marks), s.Words)
			if d := s.Sound.Duration().Seconds(); d < 1.5 || d > 5 || len(s.Marks) < 15 || len(s.Words) < 7 {
				t.Errorf("%s: %.2f s, %d marks, %d words", lang, d, len(s.Marks), len(s.Words))
			}
		}
	}
}

// TestLoadExposes: a net that does not tell its durations is made to: that of the
// makers, which the conversion only appends to.
func TestLoadExposes(t *testing.T) {
	dir := groundtest.Weights(t, "kokoro")
	b, err := os.ReadFile(filepath.Join(dir, "kokoro.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	end := onnxfile.Expose(durations, onnxfile.FP32, "n")
	made := t.TempDir()
	if err := os.WriteFile(filepath.Join(made, "kokoro.onnx"), bytes.TrimSuffix(b, end), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, err := Load(t.Context(), made, func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, TimeLimit: groundtest.NetPatience, Example: example})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := checkNet(m); err != nil {
		t.Error(err)
	}
}
