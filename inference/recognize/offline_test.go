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
	"livedub/inference/recognize/whisper"
	"livedub/internal/testkit/onnxfile"
	"livedub/internal/worker/workertest"
	"livedub/media"
)

// written has a synthetic model written into a new folder.
func written(t testing.TB, write func(dir string, pieces ...string) error, pieces ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := write(dir, pieces...); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openedOffline(t *testing.T, c OfflineConfig) *Offline {
	t.Helper()
	r, err := NewOffline(c)
	if err != nil {
		t.Fatal(err)
	}
	workertest.Closes(t, r)
	return r
}

// TestOfflineConformance goes from flite's speech through VAD, worker and sherpa-onnx
// to phrases, with nets of both kinds that say the sentence whatever they hear.
func TestOfflineConformance(t *testing.T) {
	t.Parallel()
	speech := join(silence(500*time.Millisecond), speak(t, "slt", weather), silence(700*time.Millisecond))
	for name, c := range map[string]OfflineConfig{
		"parakeet":   {Dir: written(t, onnxfile.TDT, weatherPieces...), Languages: []inference.Lang{"en", "ko"}},
		"sensevoice": {Dir: written(t, onnxfile.SenseVoice, weatherPieces...), Languages: []inference.Lang{"en", "ko"}},
	} {
		t.Run(name, func(t *testing.T) {
			inferencetest.TestRecognizer(t, func(t *testing.T) inference.Recognizer {
				r, err := NewOffline(c)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}, samples(0, speech), strings.Fields(weather))
		})
	}
}

// slowly says pcm no faster than questions for its partial phrases are answered.
type slowly struct{ *stream }

func (s slowly) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	if a := s.asked.answer; a != nil {
		if _, err := a.Wait(ctx); err != nil {
			return nil, err
		}
	}
	return s.stream.Write(ctx, in)
}

// TestOfflineHears: words with times in the order they were said, partial phrases
// before, and confidences where the model tells them.
func TestOfflineHears(t *testing.T) {
	t.Parallel()
	speech := speak(t, "slt", weather)
	from, to := time.Minute+time.Second, time.Minute+time.Second+samples(0, speech).Duration()
	for name, c := range map[string]struct {
		write func(dir string, pieces ...string) error
		sure  bool
	}{"parakeet": {onnxfile.TDT, true}, "sensevoice": {onnxfile.SenseVoice, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openedOffline(t, OfflineConfig{Dir: written(t, c.write, weatherPieces...), Languages: []inference.Lang{"en", "ko"}, Threads: 2})
			finals, partials := say(t, slowly{streamOf(t, r, "ko").(*stream)}, join(silence(time.Second), speech, silence(time.Second)), time.Minute)
			if len(finals) != 1 || finals[0].Text != weather || finals[0].Lang != "ko" {
				t.Fatalf("%+v", finals)
			}
			for _, w := range finals[0].Words {
				if w.Start < from-100*time.Millisecond || w.End > to+250*time.Millisecond || w.End < w.Start || (w.Confidence > .9) != c.sure {
					t.Errorf("%+v, said from %v to %v", w, from, to)
				}
			}
			if len(partials) == 0 || !strings.HasPrefix(weather, partials[0].Text) {
				t.Errorf("%+v", partials)
			}
			if r.CPU() <= 0 || len(r.PIDs()) == 0 {
				t.Errorf("%v of CPU in %v", r.CPU(), r.PIDs())
			}
		})
	}
}

// TestSenseVoiceTells: it tells which language is spoken, among those in question, and
// hears each by a process of its own.
func TestSenseVoiceTells(t *testing.T) {
	t.Parallel()
	r := openedOffline(t, OfflineConfig{Dir: written(t, onnxfile.SenseVoice, weatherPieces...)})
	if want := []inference.Lang{"zh", "en", "ja", "ko", "yue", inference.Auto}; !slices.Equal(r.Languages(), want) {
		t.Errorf("languages %v, want %v", r.Languages(), want)
	}
	pcm := floats(nil, speak(t, "slt", weather))
	for asked, want := range map[string]string{"": "ko", "ja": "ja"} {
		got, err := r.model.Decode(t.Context(), pcm, whisper.Options{Lang: asked})
		if err != nil || got.Lang != want || (got.LangProbs["ko"] == 1) != (asked == "") || got.Text != weather {
			t.Errorf("%q: %+v, %v", asked, got, err)
		}
	}
	if n := len(r.PIDs()); n != 3 { // the first language, Japanese, and any
		t.Errorf("%d processes", n)
	}
	s, err := r.Open(t.Context(), inference.Listening{Lang: inference.Auto, Among: []inference.Lang{"en", "ko"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	speech := silence(300 * time.Millisecond)
	for range 5 {
		speech = join(speech, speak(t, "slt", weather), silence(600*time.Millisecond))
	}
	finals, _ := say(t, s, speech, 0)
	if len(finals) == 0 || finals[0].Lang != "ko" {
		t.Errorf("%+v", finals)
	}
}

// TestOfflineStartsInItsTime: who does not wait until a language's process has come up
// does not end it, and the next one finds it.
func TestOfflineStartsInItsTime(t *testing.T) {
	t.Parallel()
	r := openedOffline(t, OfflineConfig{Dir: written(t, onnxfile.SenseVoice, weatherPieces...)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.model.open(ctx, "ko"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	eventually(t, "the process to come up", func() bool { return r.model.workers("ko").opened() != nil })
	ids := r.PIDs()
	if finals, _ := say(t, streamOf(t, r, "ko"), join(silence(300*time.Millisecond), speak(t, "slt", weather), silence(600*time.Millisecond)), 0); len(finals) != 1 || !slices.Equal(sorted(ids), sorted(r.PIDs())) {
		t.Errorf("%+v by %v, before %v", finals, r.PIDs(), ids)
	}
}

func sorted(ids []int) []int { return slices.Sorted(slices.Values(ids)) }

// TestParakeetDoesNotTell: a model that tells no language is not asked to.
func TestParakeetDoesNotTell(t *testing.T) {
	t.Parallel()
	langs := []inference.Lang{"en", "ko"}
	r := openedOffline(t, OfflineConfig{Dir: written(t, onnxfile.TDT, "a"), Languages: langs})
	if !slices.Equal(r.Languages(), langs) {
		t.Errorf("languages %v, want %v", r.Languages(), langs)
	}
	if _, err := r.Open(t.Context(), inference.Listening{Lang: inference.Auto}); !errors.Is(err, inference.ErrUnsupported) {
		t.Error(err)
	}
}

// TestFaultyOffline: a worker that dies or hangs costs its stream one error, in time; the next stream works.
func TestFaultyOffline(t *testing.T) {
	t.Parallel()
	speech := join(silence(400*time.Millisecond), speak(t, "slt", weather), silence(600*time.Millisecond))
	for how, signal := range map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGABRT": syscall.SIGABRT, "SIGSTOP": syscall.SIGSTOP} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := openedOffline(t, OfflineConfig{Dir: written(t, onnxfile.TDT, weatherPieces...), Languages: []inference.Lang{"en"}})
			s := streamOf(t, r, "en")
			old := r.PIDs()[0]
			if signal != syscall.SIGSTOP { // one that is dead before it is asked is replaced unseen
				hold(t, r, speech)
			}
			if err := syscall.Kill(old, signal); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if signal == syscall.SIGSTOP {
				ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
			}
			defer cancel()
			_, err := s.Write(ctx, samples(0, speech))
			if err == nil {
				_, err = s.Flush(ctx)
			}
			if signal == syscall.SIGSTOP && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%v", err)
			}
			finals, _ := say(t, streamOf(t, r, "en"), speech, time.Hour)
			if len(finals) != 1 || finals[0].Text != weather {
				t.Errorf("the next stream: %+v", finals)
			}
			eventually(t, "the old one to be gone", func() bool { return syscall.Kill(old, 0) != nil })
		})
	}
}

// hold has the worker of r hear something, so that it is known to be of use.
func hold(t *testing.T, r *Offline, speech []int16) {
	t.Helper()
	if _, err := r.model.Decode(t.Context(), floats(nil, speech), whisper.Options{Lang: "en"}); err != nil {
		t.Fatal(err)
	}
}

// TestOfflineCancelled: who stops waiting is answered at once, and the loaded model stays.
func TestOfflineCancelled(t *testing.T) {
	t.Parallel()
	r := openedOffline(t, OfflineConfig{Dir: written(t, onnxfile.TDT, weatherPieces...), Languages: []inference.Lang{"en"}})
	ids := r.PIDs()
	pcm := floats(nil, make([]int16, 25*sampleRate))
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := r.model.Decode(ctx, pcm, whisper.Options{Lang: "en"}); !errors.Is(err, context.Canceled) && err != nil {
			t.Error(err)
		}
		cancel()
	}
	got, err := r.model.Decode(t.Context(), floats(nil, speak(t, "slt", weather)), whisper.Options{Lang: "en"})
	if err != nil || got.Text != weather || !slices.Equal(r.PIDs(), ids) {
		t.Errorf("%+v, %v; processes %v, before %v", got, err, r.PIDs(), ids)
	}
	if _, err := r.model.Decode(t.Context(), floats(nil, make([]int16, 61*sampleRate)), whisper.Options{Lang: "en"}); err == nil {
		t.Error("a minute was heard at once")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.model.Decode(t.Context(), pcm, whisper.Options{}); err == nil {
		t.Error("heard after Close")
	}
	if _, err := r.Open(t.Context(), inference.Listening{Lang: "en"}); err == nil {
		t.Error("opened after Close")
	}
}

// TestNoOffline: what cannot work is told at start, with what to do.
func TestNoOffline(t *testing.T) {
	t.Parallel()
	parakeet, sense := written(t, onnxfile.TDT, "a"), written(t, onnxfile.SenseVoice, "a")
	spoil := func(of, name string, change func(b []byte) []byte) string {
		dir := filepath.Join(t.TempDir(), "model")
		if err := os.CopyFS(dir, os.DirFS(of)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if b = change(b); b == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	missing := func([]byte) []byte { return nil }
	html := func([]byte) []byte { return []byte("<html>") }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	langs := []inference.Lang{"en"}
	for name, c := range map[string]struct {
		OfflineConfig
		says string
	}{
		"no languages":             {OfflineConfig{Dir: parakeet}, "no languages"},
		"a language of no model":   {OfflineConfig{Dir: sense, Languages: []inference.Lang{"fr"}}, `"fr"`},
		"no folder":                {OfflineConfig{Dir: filepath.Join(sense, "tokens.txt"), Languages: langs}, "no folder of a model"},
		"an empty folder":          {OfflineConfig{Dir: t.TempDir(), Languages: langs}, "has no encoder*.onnx: a Parakeet has"},
		"no tokens":                {OfflineConfig{Dir: spoil(sense, "tokens.txt", missing), Languages: langs}, "tokens.txt"},
		"no joiner":                {OfflineConfig{Dir: spoil(parakeet, "joiner.int8.onnx", missing), Languages: langs}, "has no joiner*.onnx"},
		"two decoders":             {OfflineConfig{Dir: spoil(parakeet, "decoder-2.int8.onnx", html), Languages: langs}, "keep one decoder"},
		"a page for an encoder":    {OfflineConfig{Dir: spoil(parakeet, "encoder.int8.onnx", html), Languages: langs}, "memory_mb"},
		"half a SenseVoice":        {OfflineConfig{Dir: spoil(sense, "model.int8.onnx", half), Languages: langs}, "memory_mb"},
		"half a joiner":            {OfflineConfig{Dir: spoil(parakeet, "joiner.int8.onnx", half), Languages: langs}, "memory_mb"},
		"tokens of another model":  {OfflineConfig{Dir: spoil(parakeet, "tokens.txt", func([]byte) []byte { return []byte("a 0\n") }), Languages: langs}, "memory_mb"},
		"a streaming transducer":   {OfflineConfig{Dir: transducerModel(t, "a"), Languages: langs}, "a Parakeet or a SenseVoice"},
		"a Parakeet as SenseVoice": {OfflineConfig{Dir: spoil(sense, "model.int8.onnx", func([]byte) []byte { b, _ := os.ReadFile(filepath.Join(parakeet, "encoder.int8.onnx")); return b }), Languages: langs}, "a Parakeet or a SenseVoice"},
		"no worker":                {OfflineConfig{Dir: sense, Languages: langs, Worker: filepath.Join(sense, "worker")}, "no such file"},
		"little memory":            {OfflineConfig{Dir: sense, Languages: langs, Memory: 1 << 20}, "1 MB"},
		"units of no length":       {OfflineConfig{Dir: sense, Languages: langs, MaxUnit: time.Millisecond}, "MaxUnit"},
	} {
		r, err := NewOffline(c.OfflineConfig)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor is a Parakeet a streaming transducer.
	r, err := NewTransducer(TransducerConfig{Dir: parakeet, Languages: langs})
	if err == nil {
		r.Close()
		t.Error("a Parakeet streams")
	}
	if got := integers([]float32{-1, -.5, 0, .5, 1, 2, -2}); !slices.Equal(got, []int16{-32768, -16384, 0, 16384, 32767, 32767, -32768}) {
		t.Error(got)
	}
}
