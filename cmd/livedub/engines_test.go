package main

import (
	"log/slog"
	"strings"
	"testing"

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
