//go:build linux && (amd64 || arm64)

package main

import (
	"math"
	"path/filepath"
	"testing"

	"livedub/internal/testkit/onnxfile"
)

// tdt writes a synthetic net of Parakeet's kind and opens it.
func tdt(t *testing.T, pieces ...string) *offline {
	t.Helper()
	dir := t.TempDir()
	if err := onnxfile.TDT(dir, pieces...); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	o, err := openTDT("1", files{in("encoder.int8.onnx"), in("decoder.int8.onnx"), in("joiner.int8.onnx"), in("tokens.txt")})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// sense writes a synthetic net of SenseVoice's kind and opens it.
func sense(t *testing.T, lang string, pieces ...string) *offline {
	t.Helper()
	dir := t.TempDir()
	if err := onnxfile.SenseVoice(dir, pieces...); err != nil {
		t.Fatal(err)
	}
	o, err := openSenseVoice("2", lang, filepath.Join(dir, "model.int8.onnx"), filepath.Join(dir, "tokens.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// whole has an utterance heard and returns its words.
func whole(t *testing.T, o *offline, pcm []int16, sure float64) string {
	t.Helper()
	if err := o.Start(); err != nil {
		t.Fatal(err)
	}
	for len(pcm) > 0 {
		n := min(rate/50, len(pcm))
		if err := o.Feed(pcm[:n]); err != nil {
			t.Fatal(err)
		}
		pcm = pcm[n:]
	}
	if err := o.End(); err != nil {
		t.Fatal(err)
	}
	words, err := o.Words()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words {
		if math.Abs(w.Confidence-sure) > .02 {
			t.Errorf("%q has the confidence %v, want %v", w.Word, w.Confidence, sure)
		}
	}
	return show(words)
}

// TestTDT goes from sound to words through sherpa-onnx, with a net whose pieces are known.
func TestTDT(t *testing.T) {
	o := tdt(t, "\u2581Good", "\u2581mor", "ning", ",", "\u2581X")
	for range 2 { // the second utterance knows nothing of the first
		if got := whole(t, o, bursts(2000, 240, 640, 1040, 1440), .98); got != "Good 24-48, morning, 64-168" {
			t.Error(got)
		}
	}
	for name, pcm := range map[string][]int16{"silence": bursts(1000), "nothing": nil, "a click": bursts(200, 0)[:leastSound-1]} {
		if got := whole(t, o, pcm, 0); got != "" {
			t.Errorf("%s is %s", name, got)
		}
	}
	if o.Lang() != "" {
		t.Errorf("it tells the language %q", o.Lang())
	}
	if err := o.Reset(); err != nil {
		t.Error(err)
	}
}

func TestSenseVoice(t *testing.T) {
	pcm := bursts(2500, 240, 840, 1440)
	for lang, told := range map[string]string{"auto": "ko", "ja": "ja", "yue": "yue"} {
		o := sense(t, lang, "\u2581Good", "你", "好")
		if got := whole(t, o, pcm, 0); got != "Good 24-48, 你 84-108, 好 144-168" || o.Lang() != told {
			t.Errorf("%s: %s in %q, want %q", lang, got, o.Lang(), told)
		}
		if err := o.Reset(); err != nil || o.Lang() != "" {
			t.Errorf("%q, %v", o.Lang(), err)
		}
	}
}

// TestTooLong: an utterance is bounded.
func TestTooLong(t *testing.T) {
	o := &offline{}
	for range mostSound / rate {
		if err := o.Feed(make([]int16, rate)); err != nil {
			t.Fatal(err)
		}
	}
	if o.Feed(make([]int16, 1)) == nil {
		t.Error("more than the most was taken")
	}
}

// TestLoad: what is no model, or no order to load one, is told.
func TestLoad(t *testing.T) {
	for _, args := range [][]string{
		nil, {"whisper", "a"}, {"streaming", "a", "b", "c"}, {"tdt", "a", "b", "c", "d"}, {"tdt", "0", "a", "b", "c", "d"},
		{"streaming", "a", "b", "c", "d"}, {"tdt", "1", "a", "b", "c", "d"}, {"sensevoice", "1", "ko", "a", "b"}, {"sensevoice", "x", "ko", "a", "b"},
	} {
		if _, err := load(args); err == nil {
			t.Errorf("%q was loaded", args)
		}
	}
}
