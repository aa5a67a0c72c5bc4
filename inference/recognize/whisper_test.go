package recognize

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/recognize/whisper"
	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// scripted is a model that says the same of every unit, and how often it was asked.
type scripted struct {
	result whisper.Result
	err    error
	hold   chan struct{} // a call waits for it, or its ctx; nil: it does not

	mu     sync.Mutex
	calls  int
	atWork int
	most   int
	closed int
}

func (s *scripted) Languages() []string { return []string{"en", "es", "pt"} }

func (s *scripted) Decode(ctx context.Context, pcm []float32, o whisper.Options) (whisper.Result, error) {
	s.mu.Lock()
	s.calls++
	s.atWork++
	s.most = max(s.most, s.atWork)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.atWork--
		s.mu.Unlock()
	}()
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return whisper.Result{}, ctx.Err()
		}
	}
	return s.result, s.err
}

func (s *scripted) Close() error { s.closed++; return nil }

// heard is what a model says of a unit of a second: "Hola, señora."
var heardResult = whisper.Result{Text: "Hola, señora.", AvgLogProb: -.2, Words: []whisper.Word{
	{Text: "Hola,", Start: 100 * time.Millisecond, End: 400 * time.Millisecond, Confidence: .9},
	{Text: "seño", Start: 450 * time.Millisecond, End: 600 * time.Millisecond, Confidence: .8},
	{Text: "ra.", Joined: true, Start: 600 * time.Millisecond, End: 800 * time.Millisecond, Confidence: .6},
}}

func openWhisper(t *testing.T, m WhisperModel, among ...inference.Lang) *Whisper {
	t.Helper()
	w, err := NewWhisper(WhisperConfig{Model: m, Among: among})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// say has a stream hear speech and the silence after it, and returns the final phrases.
func say(t *testing.T, s inference.RecognizerStream, pcm []int16, from time.Duration) (finals, partials []inference.Phrase) {
	t.Helper()
	const step = sampleRate / 50
	for i := 0; i+step <= len(pcm); i += step {
		got, err := s.Write(t.Context(), media.Samples{PTS: from + media.SamplesToTime(i, sampleRate), Rate: sampleRate, Channels: 1, Data: pcm[i : i+step]})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			if p.Final {
				finals = append(finals, p)
			} else {
				partials = append(partials, p)
			}
		}
	}
	got, err := s.Flush(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return append(finals, got...), partials
}

// TestWhisperHears: units of its words, joined where no space stands, on the stream's clock.
func TestWhisperHears(t *testing.T) {
	w := openWhisper(t, &scripted{result: heardResult}, "es", "pt", "fr")
	if l := w.Languages(); !slices.Equal(l, []inference.Lang{"es", "pt", inference.Auto}) {
		t.Errorf("languages %v", l)
	}
	s, err := w.Open(t.Context(), inference.Listening{Lang: "es"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	finals, _ := say(t, s, speak(t, "slt", "good morning everybody"), time.Minute)
	if len(finals) != 1 || finals[0].Text != "Hola, señora." || finals[0].Lang != "es" || len(finals[0].Words) != 2 || finals[0].Words[1].Confidence != .6 || finals[0].Start < time.Minute {
		t.Fatalf("%+v", finals)
	}
	if _, err := w.Open(t.Context(), inference.Listening{Lang: "en"}); !errors.Is(err, inference.ErrUnsupported) || !strings.Contains(err.Error(), "pt") {
		t.Errorf("a language that is not among them: %v", err)
	}
}

// TestWhisperIsNotBelieved: what is invented is left out and counted.
func TestWhisperIsNotBelieved(t *testing.T) {
	for name, spoil := range map[string]func(*whisper.Result){
		"nobody speaks": func(r *whisper.Result) { r.NoSpeech, r.AvgLogProb = .9, -.6 },
		"a guess":       func(r *whisper.Result) { r.AvgLogProb = -1.5 },
		"a circle":      func(r *whisper.Result) { r.Repeats = true },
		"no end":        func(r *whisper.Result) { r.Cut = true },
	} {
		r := heardResult
		spoil(&r)
		w := openWhisper(t, &scripted{result: r})
		s, err := w.Open(t.Context(), inference.Listening{Lang: "es"})
		if err != nil {
			t.Fatal(err)
		}
		finals, partials := say(t, s, speak(t, "slt", "good morning everybody"), 0)
		if len(finals)+len(partials) != 0 || w.Refused() != 1 {
			t.Errorf("%s: %d phrases, %d partial ones, %d refused", name, len(finals), len(partials), w.Refused())
		}
		s.Close()
	}
}

// TestWhisperTakesTurns: many streams, one net; a question never holds up the end of a unit.
func TestWhisperTakesTurns(t *testing.T) {
	m := &scripted{result: heardResult}
	w := openWhisper(t, m)
	pcm := speak(t, "slt", "good morning everybody")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := w.Open(t.Context(), inference.Listening{Lang: "es"})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if finals, _ := say(t, s, pcm, 0); len(finals) != 1 {
				t.Errorf("%d phrases", len(finals))
			}
		})
	}
	wg.Wait()
	if m.most != 1 || m.calls < 4 {
		t.Errorf("%d calls, %d at a time", m.calls, m.most)
	}
}

// TestWhisperEnds: a closed stream's question ends, a closed recognizer takes no more, the net is closed once.
func TestWhisperEnds(t *testing.T) {
	m := &scripted{result: heardResult, hold: make(chan struct{})}
	w, err := NewWhisper(WhisperConfig{Model: m})
	if err != nil {
		t.Fatal(err)
	}
	d := &whisperDecoder{w: w, lang: "es"}
	d.ctx, d.cancel = context.WithCancel(w.ctx)
	a, err := d.Ask(t.Context())
	if err != nil || a == nil || a.Ready() {
		t.Fatalf("%v, %v", a, err)
	}
	if b, err := d.Ask(t.Context()); b != nil || err != nil {
		t.Errorf("a second question while the first is at work: %v, %v", b, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := d.End(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the end of a unit, given up: %v", err)
	}
	d.Release(nil)
	if words, err := a.Wait(t.Context()); len(words) != 0 || err != nil {
		t.Errorf("%v, %v", words, err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Open(t.Context(), inference.Listening{Lang: "es"}); !errors.Is(err, errClosed) || m.closed != 1 {
		t.Errorf("after Close: %v, the net was closed %d times", err, m.closed)
	}
	if _, err := d.Ask(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("a question after Close: %v", err)
	}
	if _, err := NewWhisper(WhisperConfig{Model: m, MaxUnit: time.Millisecond}); err == nil || m.closed != 2 {
		t.Errorf("no unit is so short: %v, the net was closed %d times", err, m.closed)
	}
}

// TestRealWhisper hears English and Spanish with the weights that people use.
func TestRealWhisper(t *testing.T) {
	dir := groundtest.Weights(t, "whisper-base")
	if len(mustGlob(t, filepath.Join(dir, "whisper.json"))) == 0 {
		groundtest.Skip(t, "%s was not converted: livedub models pull whisper-base", dir)
	}
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, err := whisper.Open(t.Context(), dir, func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, TimeLimit: groundtest.NetPatience, Example: example, AnySize: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	w := openWhisper(t, m, "en", "es")
	s, err := w.Open(t.Context(), inference.Listening{Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	finals, partials := say(t, s, speak(t, "slt", "good morning everybody. the children play in the garden."), 0)
	var text []string
	for _, p := range finals {
		text = append(text, p.Text)
	}
	got := strings.ToLower(strings.Join(text, " "))
	t.Logf("%q, %d partial phrases", got, len(partials))
	for _, word := range []string{"good", "morning", "children", "garden"} {
		if !strings.Contains(got, word) {
			t.Errorf("%q was not heard", word)
		}
	}
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
