package whisper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
)

// These tests need weights. They look for the CTranslate2 folders
// whisper-tiny.en and whisper-base (model.bin, config.json, tokenizer.json), or
// what was converted from them, in $LIVEDUB_MODELS and in the store of models.

// published returns the folder of a model's files, with the named one in it.
func published(t testing.TB, name, file string) string {
	t.Helper()
	data := os.Getenv("XDG_DATA_HOME")
	if home, err := os.UserHomeDir(); data == "" && err == nil {
		data = filepath.Join(home, ".local", "share")
	}
	for _, dir := range []string{os.Getenv("LIVEDUB_MODELS"), filepath.Join(data, "livedub", "models")} {
		path := filepath.Join(dir, "whisper-"+name)
		if _, err := os.Stat(filepath.Join(path, file)); dir != "" && err == nil {
			return path
		}
	}
	groundtest.Skip(t, "no whisper-%s with %s in $LIVEDUB_MODELS or the store of models", name, file)
	return ""
}

// converted holds what was converted for all tests of this program.
var converted struct {
	sync.Mutex
	root string
	dirs map[string]string
}

// realModel returns an open model of real weights.
func realModel(t testing.TB, name string) *Model {
	t.Helper()
	m, err := Open(t.Context(), realDir(t, name), openNet(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func realDir(t testing.TB, name string) string {
	t.Helper()
	converted.Lock()
	defer converted.Unlock()
	if dir, ok := converted.dirs[name]; ok {
		return dir
	}
	src := published(t, name, "config.json")
	if _, err := os.Stat(filepath.Join(src, infoFile)); err == nil {
		return src
	}
	if converted.root == "" {
		root, err := os.MkdirTemp("", "livedub-whisper-")
		if err != nil {
			t.Fatal(err)
		}
		converted.root, converted.dirs = root, map[string]string{}
	}
	dir := filepath.Join(converted.root, name)
	if err := ConvertCT2(t.Context(), src, dir); err != nil {
		t.Fatal(err)
	}
	converted.dirs[name] = dir
	return dir
}

// TestRealFiles: conversion gives the very bytes whose sums the catalogue of models has.
func TestRealFiles(t *testing.T) {
	for name, sums := range map[string]map[string]string{
		"tiny.en": {
			"encoder.int8.onnx": "98b17ba3d20a31f9161989c2016afe7cd91f014424e4ac57b9d4ae560dbc610e",
			"decoder.int8.onnx": "4baf9d9de3b291b0f9c57ceeaf728f8fe4f295aa79a049906369e1bca6ce30a3",
			"tokens.txt":        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
			"whisper.json":      "28ab3a892a4c40659f79bc72d64379469b6584396620b6153592459d435ae78f",
		},
		"base": {
			"encoder.int8.onnx": "a61d5d6f9c136a82e23242adb73683f2ad79d60601ef6b8fa5f449ea555701a3",
			"decoder.int8.onnx": "9654f78de55c09a2a35e7cb96cfb73966a8385b870c0b901da8ca7f2fef2dd1f",
			"tokens.txt":        "f8ce6dba8329323e26218dc08e4b79a44f425420bb580dbab9784ce0f47f123e",
			"whisper.json":      "4d8138aa38dae7162eacfdd31e0f0e15599c977c33766aaf44e597b07d229cfb",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := realDir(t, name)
			for file, want := range sums {
				f, err := os.Open(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				h := sha256.New()
				_, err = io.Copy(h, f)
				if err := errors.Join(err, f.Close()); err != nil {
					t.Fatal(err)
				}
				if got := hex.EncodeToString(h.Sum(nil)); got != want {
					t.Errorf("%s has the sum %s, not %s", file, got, want)
				}
			}
		})
	}
}

// TestRealAgainstReference does with real weights what TestGraphsAgainstReference does.
func TestRealAgainstReference(t *testing.T) {
	againstReference(t, "testdata/tiny.en.json", published(t, "tiny.en", "model.bin"), 2e-3)
}

// used returns the CPU time of this process.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestRealWords measures word errors. The GRID corpus is read by people who
// say nonsense ("lay blue at x four now"): faster-whisper, in fp32 and over
// the full 30 s, gets 8 of these 42 words wrong with tiny.en and 10 with base.
func TestRealWords(t *testing.T) {
	for _, c := range []struct {
		name         string
		grid, speech int // wrong words at most
	}{{"tiny.en", 13, 2}, {"base", 12, 2}} {
		t.Run(c.name, func(t *testing.T) {
			m := realModel(t, c.name)
			clips := groundtest.SharedAll(t, "clips/grid__*.mpg")
			var lines []string
			measure := func(what string, most int, n int, sound func(i int) ([]float32, string)) {
				wrong, words := 0, 0
				var cpu, length time.Duration
				for i := range n {
					pcm, want := sound(i)
					before := used()
					r, err := m.Decode(t.Context(), pcm, Options{Lang: "en"})
					if err != nil {
						t.Fatal(err)
					}
					cpu += used() - before
					length += time.Duration(len(pcm)) * time.Second / rate
					k := errorsIn(plain(want), plain(r.Text))
					wrong, words = wrong+k, words+len(plain(want))
					lines = append(lines, fmt.Sprintf("%d wrong, no speech %.2f, log %.2f: %q for %q", k, r.NoSpeech, r.AvgLogProb, r.Text, want))
					if why := r.Doubt(); why != "" {
						t.Errorf("%q is refused: %s", r.Text, why)
					}
					checkTimes(t, r, pcm)
				}
				lines = append(lines, fmt.Sprintf("%s: %d of %d words wrong (%.0f %%), %.3f CPU seconds a second", what, wrong, words, 100*float64(wrong)/float64(words), cpu.Seconds()/length.Seconds()))
				if wrong > most {
					t.Errorf("%s: %d of %d words wrong, at most %d were measured", what, wrong, words, most)
				}
			}
			measure("GRID", c.grid, len(clips), func(i int) ([]float32, string) { return clip(t, clips[i]), spelled(clips[i]) })
			measure("flite", c.speech, len(sentences), func(i int) ([]float32, string) {
				return flite(t, sentences[i].voice, sentences[i].text), sentences[i].text
			})
			t.Log("\n" + strings.Join(lines, "\n"))
		})
	}
}

func checkTimes(t *testing.T, r Result, pcm []float32) {
	t.Helper()
	before, end := time.Duration(0), time.Duration(len(pcm))*time.Second/rate
	for _, w := range r.Words {
		if w.Start < before || w.End < w.Start || w.End > end || !(w.Confidence >= 0 && w.Confidence <= 1) {
			t.Errorf("%q: %+v, after %v, in %v of sound", r.Text, w, before, end)
		}
		before = w.End
	}
}

// TestRealTimes: words are where they are heard, on both sides of a pause.
func TestRealTimes(t *testing.T) {
	for _, name := range []string{"tiny.en", "base"} {
		t.Run(name, func(t *testing.T) {
			m := realModel(t, name)
			one, two := flite(t, "slt", "The window is open."), flite(t, "slt", "Nobody wants to close it.")
			pcm := slices.Concat(make([]float32, rate/2), one, make([]float32, rate*8/10), two, make([]float32, rate/2))
			r, err := m.Decode(t.Context(), pcm, Options{Lang: "en"})
			if err != nil {
				t.Fatal(err)
			}
			if got := plain(r.Text); errorsIn(plain("the window is open nobody wants to close it"), got) > 0 {
				t.Fatalf("understood %q", r.Text)
			}
			loud := func(pcm []float32, from time.Duration) (time.Duration, time.Duration) {
				a, b := loudness(pcm).within(0, time.Duration(len(pcm))*time.Second/rate)
				return from + a, from + b
			}
			at := 500 * time.Millisecond
			a1, b1 := loud(one, at)
			a2, b2 := loud(two, at+time.Duration(len(one))*time.Second/rate+800*time.Millisecond)
			for _, c := range []struct {
				what      string
				got, want time.Duration
			}{{"the first word begins", r.Words[0].Start, a1}, {"the fourth ends", r.Words[3].End, b1},
				{"the fifth begins", r.Words[4].Start, a2}, {"the last ends", r.Words[8].End, b2}} {
				t.Logf("%s at %v, heard at %v", c.what, c.got, c.want)
				if (c.got - c.want).Abs() > 60*time.Millisecond {
					t.Errorf("%s at %v, heard at %v", c.what, c.got, c.want)
				}
			}
		})
	}
}

// TestRealPrefix: behind known words the others come out the same.
func TestRealPrefix(t *testing.T) {
	m := realModel(t, "base")
	pcm := flite(t, sentences[0].voice, sentences[0].text)
	whole, err := m.Decode(t.Context(), pcm, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if whole.Lang != "en" || whole.LangProbs["en"] < .8 {
		t.Errorf("%s, English with %.2f", whole.Lang, whole.LangProbs["en"])
	}
	if len(whole.Words) < 10 {
		t.Fatalf("understood %q", whole.Text)
	}
	rest, err := m.Decode(t.Context(), pcm, Options{Lang: "en", Prefix: ids(whole.Words[:5])})
	if err != nil {
		t.Fatal(err)
	}
	// The past was computed in other parts, and rounded otherwise: a comma may go.
	if want := joined(whole.Words[5:]); errorsIn(plain(want), plain(rest.Text)) > 0 || len(rest.Words) != len(whole.Words)-5 {
		t.Fatalf("%q, not %q", rest.Text, want)
	}
	for i, w := range rest.Words {
		if d := w.Start - whole.Words[5+i].Start; d.Abs() > 300*time.Millisecond {
			t.Errorf("%q begins at %v, without the prefix at %v", w.Text, w.Start, whole.Words[5+i].Start)
		}
	}
}

// TestRealSilence: what nobody said is doubted, whatever it is.
func TestRealSilence(t *testing.T) {
	for _, name := range []string{"tiny.en", "base"} {
		t.Run(name, func(t *testing.T) {
			m := realModel(t, name)
			for what, f := range noises() {
				for _, seconds := range []int{1, 3, 6} {
					pcm := make([]float32, seconds*rate)
					for i := range pcm {
						pcm[i] = float32(f(float64(i) / rate))
					}
					for _, lang := range map[string][]string{"tiny.en": {"en"}, "base": {"en", ""}}[name] {
						r, err := m.Decode(t.Context(), pcm, Options{Lang: lang})
						if err != nil {
							t.Fatal(err)
						}
						why := r.Doubt()
						t.Logf("%s, %d s: no speech %.2f, log %.2f, %q: %s", what, seconds, r.NoSpeech, r.AvgLogProb, r.Text, why)
						if r.Text != "" && why == "" {
							t.Errorf("%s, %d s: %q is believed: no speech %.2f, log %.2f", what, seconds, r.Text, r.NoSpeech, r.AvgLogProb)
						}
					}
				}
			}
		})
	}
}

// noises are sounds in which nobody speaks, by the second.
func noises() map[string]func(t float64) float64 {
	state := uint32(5)
	random := func() float64 {
		state = state*1664525 + 1013904223
		return float64(state>>8)/(1<<23) - 1
	}
	sine := func(hz, t float64) float64 { return math.Sin(2 * math.Pi * hz * t) }
	low := 0.
	return map[string]func(t float64) float64{
		"silence":     func(float64) float64 { return 0 },
		"hiss":        func(float64) float64 { return .001 * random() },
		"white noise": func(float64) float64 { return .05 * random() },
		"loud noise":  func(float64) float64 { return .5 * random() },
		"rumble":      func(float64) float64 { low = .995*low + .02*random(); return low },
		"hum":         func(t float64) float64 { return .2*sine(50, t) + .1*sine(150, t) },
		"tone":        func(t float64) float64 { return .3 * sine(1000, t) },
		"chord":       func(t float64) float64 { return .15 * (sine(220, t) + sine(277, t) + sine(330, t)) },
		"melody": func(t float64) float64 {
			note := []float64{262, 330, 392, 523, 440, 349}[int(t*4)%6]
			return .4 * math.Exp(-6*math.Mod(t, .25)) * (sine(note, t) + .5*sine(2*note, t) + .25*sine(3*note, t)) / 1.75
		},
		"clicks": func(t float64) float64 {
			if math.Mod(t, .5) < .002 {
				return .5 * random()
			}
			return 0
		},
	}
}

// TestRealCancel: a context that ends stops the nets themselves.
func TestRealCancel(t *testing.T) {
	m := realModel(t, "tiny.en")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Decode(ctx, tone(3), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if r, err := m.Decode(t.Context(), flite(t, "slt", sentences[1].text), Options{}); err != nil || errorsIn(plain(sentences[1].text), plain(r.Text)) > 1 {
		t.Errorf("afterwards: %q, %v", r.Text, err)
	}
}

// BenchmarkRealDecode decodes 4 s of speech.
func BenchmarkRealDecode(b *testing.B) {
	for _, name := range []string{"tiny.en", "base"} {
		b.Run(name, func(b *testing.B) {
			m := realModel(b, name)
			pcm := flite(b, sentences[1].voice, sentences[1].text)
			for b.Loop() {
				if _, err := m.Decode(b.Context(), pcm, Options{Lang: "en"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(pcm))/rate, "s-of-sound")
		})
	}
}
