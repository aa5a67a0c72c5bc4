package recognize

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/internal/testkit/onnxfile"
	"livedub/internal/worker/workertest"
	"livedub/media"
)

// weatherPieces are what the synthetic net says, one for each 160 ms of loud sound.
var weatherPieces = []string{"\u2581THE", "\u2581WEATH", "ER", "\u2581IS", "\u2581NICE", "\u2581TO", "DAY"}

// transducerModel writes the synthetic net.
func transducerModel(t *testing.T, pieces ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := onnxfile.Transducer(dir, pieces...); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openTransducer(t *testing.T, c TransducerConfig) *Transducer {
	t.Helper()
	if c.Dir == "" {
		c.Dir = transducerModel(t, weatherPieces...)
	}
	if c.Languages == nil {
		c.Languages = []inference.Lang{"en", "ko"}
	}
	r, err := NewTransducer(c)
	if err != nil {
		t.Fatal(err)
	}
	workertest.Closes(t, r)
	return r
}

// TestTransducerConformance goes from flite's speech through VAD, worker and
// sherpa-onnx to phrases, with a net that says the sentence whatever it hears.
func TestTransducerConformance(t *testing.T) {
	t.Parallel()
	dir := transducerModel(t, weatherPieces...)
	speech := join(silence(500*time.Millisecond), speak(t, "slt", weather), silence(700*time.Millisecond))
	inferencetest.TestRecognizer(t, func(t *testing.T) inference.Recognizer {
		r, err := NewTransducer(TransducerConfig{Dir: dir, Languages: []inference.Lang{"en", "ko"}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}, samples(0, speech), strings.Fields(weather))
}

// TestTransducerHears: words with times in the order they were said, confidences at the end, partial phrases before.
func TestTransducerHears(t *testing.T) {
	t.Parallel()
	s := streamOf(t, openTransducer(t, TransducerConfig{}), "ko")
	speech := speak(t, "slt", weather)
	finals, partials := say(t, s, join(silence(time.Second), speech, silence(time.Second)), time.Minute)
	if len(finals) != 1 || finals[0].Text != weather || finals[0].Lang != "ko" {
		t.Fatalf("%+v", finals)
	}
	from, to := time.Minute+time.Second, time.Minute+time.Second+samples(0, speech).Duration()
	for _, w := range finals[0].Words {
		if w.Start < from-50*time.Millisecond || w.End > to+250*time.Millisecond || w.End < w.Start || w.Confidence < .8 || w.Confidence > .95 {
			t.Errorf("%+v, said from %v to %v", w, from, to)
		}
	}
	if len(partials) == 0 || !strings.HasPrefix(weather, partials[0].Text) {
		t.Errorf("%+v", partials)
	}
}

// TestFaultyTransducer: a worker that dies or hangs costs its stream one error, in time; the next stream works.
func TestFaultyTransducer(t *testing.T) {
	t.Parallel()
	speech := join(silence(400*time.Millisecond), speak(t, "slt", weather), silence(600*time.Millisecond))
	for how, signal := range map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGABRT": syscall.SIGABRT, "SIGSTOP": syscall.SIGSTOP} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := openTransducer(t, TransducerConfig{})
			s := streamOf(t, r, "en")
			old := decoding(t, r, s)
			half := speech[:len(speech)/2]
			if _, err := s.Write(t.Context(), samples(0, half)); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(old, signal); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if signal == syscall.SIGSTOP {
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			}
			defer cancel()
			_, err := s.Write(ctx, samples(media.SamplesToTime(len(half), sampleRate), speech[len(half):]))
			if err == nil {
				_, err = s.Flush(ctx)
			}
			if err == nil || signal == syscall.SIGSTOP && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%v", err)
			}
			finals, _ := say(t, streamOf(t, r, "en"), speech, time.Hour)
			if len(finals) != 1 || finals[0].Text != weather {
				t.Errorf("the next stream: %+v", finals)
			}
			eventually(t, "the old one to be gone", func() bool { return syscall.Kill(old, 0) != nil })
			if slices.Contains(r.PIDs(), old) || r.CPU() <= 0 {
				t.Errorf("workers %v, of which %d died; CPU %v", r.PIDs(), old, r.CPU())
			}
		})
	}
}

// TestNoTransducer: what cannot work is told at start, with what to do.
func TestNoTransducer(t *testing.T) {
	t.Parallel()
	good := transducerModel(t, weatherPieces...)
	spoil := func(name, content string) string {
		dir := transducerModel(t, weatherPieces...)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	script := func(body string) string {
		path := filepath.Join(t.TempDir(), "worker")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	langs := []inference.Lang{"en"}
	for name, c := range map[string]struct {
		TransducerConfig
		says string
	}{
		"no languages":    {TransducerConfig{Dir: good}, "no languages"},
		"no folder":       {TransducerConfig{Dir: filepath.Join(good, "tokens.txt"), Languages: langs}, "no folder of a transducer"},
		"an empty folder": {TransducerConfig{Dir: t.TempDir(), Languages: langs}, "has no encoder*.onnx"},
		"two encoders":    {TransducerConfig{Dir: spoil("encoder-2.onnx", ""), Languages: langs}, "keep one encoder"},
		"no net":          {TransducerConfig{Dir: spoil("encoder.onnx", "<html>"), Languages: langs}, "memory_mb"},
		"another joiner":  {TransducerConfig{Dir: spoil("joiner.int8.onnx", "<html>"), Languages: langs}, "memory_mb"},
		"no tokens":       {TransducerConfig{Dir: spoil("tokens.txt", "a b c d\n"), Languages: langs}, "memory_mb"},
		"no worker":       {TransducerConfig{Dir: good, Languages: langs, Worker: filepath.Join(good, "worker")}, "no such file"},
		"garbage":         {TransducerConfig{Dir: good, Languages: langs, Worker: script("echo Segmentation fault; exec sleep 60")}, "did not come up"},
		"zeros":           {TransducerConfig{Dir: good, Languages: langs, Worker: script("exec cat /dev/zero")}, "did not come up"},
		"nothing":         {TransducerConfig{Dir: good, Languages: langs, Worker: script("exit 0")}, "did not come up"},
	} {
		r, err := NewTransducer(c.TransducerConfig)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFindTransducer(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"encoder-epoch-99-avg-1.onnx", "encoder-epoch-99-avg-1.int8.onnx", "decoder-epoch-99-avg-1.onnx", "joiner-epoch-99-avg-1.onnx",
		"joiner-epoch-99-avg-1.int8.onnx", "tokens.txt", "bpe.model", "README.md",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := findTransducer(dir)
	for i := range got {
		got[i] = filepath.Base(got[i])
	}
	if err != nil || !slices.Equal(got, []string{"encoder-epoch-99-avg-1.int8.onnx", "decoder-epoch-99-avg-1.onnx", "joiner-epoch-99-avg-1.int8.onnx", "tokens.txt"}) {
		t.Errorf("%v, %v", got, err)
	}
}
