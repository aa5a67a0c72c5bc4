package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/recognize/realtime/realtimetest"
	"livedub/internal/config"
	"livedub/internal/settings"
	"livedub/media/codec"
)

// TestNVDECIsTriedAtTheStart, as NVENC is.
func TestNVDECIsTriedAtTheStart(t *testing.T) {
	works := codec.ProbeVideoDecoder("h264_cuvid") == nil
	c := config.Default()
	c.Video.Decoder = "nvdec"
	c.Recognize.Engine, c.Translate.Engine, c.Speak.Engine, c.Lips.Engine = "fake", "fake", "fake", "off"
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		e.Close()
	}
	if works != (err == nil) || err != nil && !strings.Contains(err.Error(), "set auto or cpu") {
		t.Fatal(err)
	}
	if got := settings.Session(c).Video.Decoder; got != "nvdec" {
		t.Errorf("sessions decode by %q", got)
	}
}

// TestNVENCIsTriedAtTheStart: with the encoder, or with words on what to set instead.
func TestNVENCIsTriedAtTheStart(t *testing.T) {
	works := codec.ProbeVideoEncoder("h264_nvenc") == nil
	c := config.Default()
	c.Video.Encoder = "nvenc"
	c.Recognize.Engine, c.Translate.Engine, c.Speak.Engine, c.Lips.Engine = "fake", "fake", "fake", "off"
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		e.Close()
	}
	if works != (err == nil) {
		t.Fatal(err)
	}
	if works {
		return
	}
	for _, want := range []string{"h264_nvenc", "set auto or x264", "livedub doctor"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
	code, out, errs := call(t, "serve", "--listen", "127.0.0.1:0", "--video-encoder", "nvenc")
	if code != 1 || out != "" || !strings.Contains(errs, "set auto or x264") {
		t.Errorf("serve: code %d, %q, %q", code, out, errs)
	}
}

// TestTranslationServer: a server translates its languages, and Apertium those it
// lacks, or any that it fails at.
func TestTranslationServer(t *testing.T) {
	fails := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fails {
			w.WriteHeader(500)
			return
		}
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"{\"translation\":\"by the server\"}"}}]}`)
	}))
	defer server.Close()
	c := config.Default()
	c.Recognize.Engine, c.Speak.Engine, c.Lips.Engine = "fake", "fake", "off"
	c.Translate.Engine, c.Translate.URL, c.Translate.Model, c.Models.Dir = "openai", server.URL+"/v1", "small", t.TempDir()
	c.Translate.Languages = []string{"en", "es", "ko"}
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, step := range []struct {
		to    inference.Lang
		fails bool
		want  string
	}{{"ko", false, "by the server"}, {"es", false, "by the server"}, {"ca", false, "bon dia"}, {"es", true, "buenos días"}} {
		fails = step.fails
		got, err := e.Translator.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: step.to}, Text: "good morning"})
		if err != nil || !strings.Contains(strings.ToLower(got), step.want) {
			t.Errorf("to %s: %q, %v, want %q", step.to, got, err, step.want)
		}
	}
	c.Translate.URL = ""
	if _, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "set translate.url") {
		t.Errorf("without an address: %v", err)
	}
}

// TestRecognitionServer: what a server hears is a recognizer as any other; its address is needed.
func TestRecognitionServer(t *testing.T) {
	c := config.Default()
	c.Recognize.Engine, c.Translate.Engine, c.Speak.Engine, c.Lips.Engine = "openai", "fake", "fake", "off"
	c.Models.Dir = t.TempDir()
	if _, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "set recognize.url") {
		t.Errorf("without an address: %v", err)
	}
	c.Recognize.URL, c.Recognize.Languages = "http://127.0.0.1:1/v1", []string{"en", "ko"}
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if l := e.Recognizer.Languages(); !slices.Equal(l, []inference.Lang{"en", "ko", inference.Auto}) {
		t.Errorf("languages %v", l)
	}
	if _, err := e.Recognizer.Open(t.Context(), inference.Listening{Lang: "es"}); !errors.Is(err, inference.ErrUnsupported) {
		t.Errorf("a language that it is not asked for: %v", err)
	}
}

// TestRealtimeServer: a server that hears while somebody speaks, likewise.
func TestRealtimeServer(t *testing.T) {
	server := realtimetest.New(t)
	server.Key = "secret"
	c := config.Default()
	c.Recognize.Engine, c.Translate.Engine, c.Speak.Engine, c.Lips.Engine = "openai-realtime", "fake", "fake", "off"
	c.Models.Dir = t.TempDir()
	if _, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "recognize.engine is openai-realtime: set recognize.url") {
		t.Errorf("without an address: %v", err)
	}
	c.Recognize.URL, c.Recognize.Key, c.Recognize.Languages = server.Base, "secret", []string{"en", "ko"}
	e, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.Recognizer.Open(t.Context(), inference.Listening{Lang: "ko"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := e.Recognizer.Open(t.Context(), inference.Listening{Lang: "es"}); !errors.Is(err, inference.ErrUnsupported) || server.Connections() != 1 {
		t.Errorf("a language that it is not asked for: %v, %d connections", err, server.Connections())
	}
}

// TestSpeechServerNeedsItsAddress: which is told before anything is started.
func TestSpeechServerNeedsItsAddress(t *testing.T) {
	c := config.Default()
	c.Recognize.Engine, c.Translate.Engine, c.Speak.Engine, c.Lips.Engine = "fake", "fake", "openai", "off"
	c.Models.Dir = t.TempDir()
	if _, err := openEngines(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "set speak.url") {
		t.Error(err)
	}
}
