package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/internal/config"
	"livedub/internal/testkit/vitstest"
	"livedub/internal/worker/workertest"
)

// espeakWorker builds one.
func espeakWorker(t testing.TB) string {
	t.Helper()
	dir, err := workertest.Build("espeakworker")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "espeakworker")
}

// piperConfig has nothing but a voice.
func piperConfig(t testing.TB, worker, model string) config.Config {
	t.Helper()
	c := config.Default()
	c.Recognize.Engine, c.Translate.Engine, c.Lips.Engine = "fake", "fake", "off"
	c.Speak.Engine, c.Speak.Model, c.Speak.Worker, c.Models.Dir = "piper", model, worker, t.TempDir()
	return c
}

// TestPiper: voices of a folder speak their languages, espeak-ng the others; where
// no GPU is, the log tells, and they speak all the same.
func TestPiper(t *testing.T) {
	voices, worker := t.TempDir(), espeakWorker(t)
	vitstest.Net{}.Write(t, voices, "low", "es_ES", nil)
	vitstest.Net{Speakers: []float64{220}}.Write(t, voices, "high", "es_MX", nil)
	for _, device := range []string{"cpu", "cuda"} {
		c := piperConfig(t, worker, voices)
		c.Speak.Device = device
		var log bytes.Buffer
		e, err := openEngines(t.Context(), c, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []struct {
			lang  inference.Lang
			hz    float64
			voice string
		}{{"es", 120, "Piper low"}, {"es", 230, "Piper high"}, {"en", 120, "espeak-ng"}} {
			got, err := e.Synthesizer.Speak(t.Context(), inference.SpeechRequest{Lang: s.lang, Text: "hola", Pitch: inference.Pitch{Median: s.hz}})
			if err != nil || !strings.HasPrefix(got.Voice, s.voice) {
				t.Errorf("%s at %.0f Hz: %q, %v", s.lang, s.hz, got.Voice, err)
				continue
			}
			inferencetest.Speech(t, got)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if text := log.String(); !strings.Contains(text, "Piper speaks") || strings.Contains(text, "a voice does not run where it was asked to") != (device == "cuda") {
			t.Errorf("on %s: %s", device, text)
		}
	}
}

// TestPiperWithoutVoice: each error names what to set, or what brings it.
func TestPiperWithoutVoice(t *testing.T) {
	worker := espeakWorker(t)
	for model, want := range map[string]string{
		"":                    "set speak.model",
		"kokoro":              "livedub models pull kokoro",
		"kokroo":              "did you mean kokoro",
		t.TempDir():           "holds no voice",
		"/nowhere/voice.onnx": "no such file",
	} {
		e, err := openEngines(t.Context(), piperConfig(t, worker, model), slog.New(slog.DiscardHandler))
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", model, err, want)
		}
	}
}

// TestKokoroForTheDevice: int8 on a CPU, fp16 on a GPU; what stands in is told.
func TestKokoroForTheDevice(t *testing.T) {
	missing, none := errors.New("not installed"), errors.New("no driver")
	for _, c := range []struct {
		provider       string
		missing, noGPU error
		want, why      string
	}{
		{"cpu", nil, nil, "kokoro", ""},
		{"cuda", nil, nil, "kokoro-fp16", ""},
		{"cuda", nil, none, "kokoro", "no driver"},
		{"cuda", missing, nil, "kokoro", "livedub models pull kokoro-fp16"},
		{"cuda", missing, none, "kokoro", "no driver"},
	} {
		if name, why := kokoroModel(c.provider, c.missing, c.noGPU); name != c.want || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("%+v: %s, %q", c, name, why)
		}
	}
	c := config.Default()
	for _, s := range []struct{ device, provider, want string }{{"auto", "cpu", "cpu"}, {"auto", "cuda", "cuda"}, {"cpu", "cuda", "cpu"}, {"cuda", "cpu", "cuda"}} {
		c.Speak.Device, c.ONNX.Provider = s.device, s.provider
		if got := voiceProvider(c); got != s.want {
			t.Errorf("%+v: %s", s, got)
		}
	}
}
