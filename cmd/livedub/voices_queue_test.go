package main

import (
	"log/slog"
	"slices"
	"sync"
	"testing"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/speak"
	"livedub/inference/speak/piper"
	"livedub/internal/testkit/vitstest"
)

// pipers opens the voices of a folder; queued has them take turns on a device, as on a GPU.
func pipers(tb testing.TB, e *engines, worker, voices string, queued bool) *piper.Piper {
	tb.Helper()
	espeak, err := speak.NewEspeak(speak.Config{Worker: worker})
	if err != nil {
		tb.Fatal(err)
	}
	e.closers = append(e.closers, espeak)
	c := piperConfig(tb, worker, voices)
	nets, err := e.openVoices(c)
	if err != nil {
		tb.Fatal(err)
	}
	if nets.device != nil {
		tb.Fatal("nets on the CPU wait for one another")
	}
	if queued {
		nets.device = new(engine.Device)
	}
	files, err := piper.Find(voices)
	if err != nil {
		tb.Fatal(err)
	}
	pc := piper.Config{Phonemes: espeak, Reference: espeak}
	for _, f := range files {
		v, err := piper.Load(tb.Context(), f, nets.open)
		if err != nil {
			tb.Fatal(err)
		}
		pc.Voices = append(pc.Voices, v)
	}
	p, err := piper.New(tb.Context(), pc)
	if err != nil {
		tb.Fatal(err)
	}
	e.closers = append(e.closers, p)
	e.shared(nets)
	return p
}

// TestVoicesTakeTurns: nets that speak on a shared device say what they say alone,
// whoever asks at once, and are counted.
func TestVoicesTakeTurns(t *testing.T) {
	voices, worker := t.TempDir(), espeakWorker(t)
	vitstest.Net{}.Write(t, voices, "low", "es_ES", nil)
	vitstest.Net{Speakers: []float64{220}}.Write(t, voices, "high", "es_MX", nil)
	request := inference.SpeechRequest{Lang: "es", Text: "hola, buenos días", Pitch: inference.Pitch{Median: 120}}
	var alone inference.Speech
	for _, queued := range []bool{false, true} {
		e := &engines{log: slog.New(slog.DiscardHandler)}
		p := pipers(t, e, worker, voices, queued)
		if (e.device != nil) != queued || (len(e.voiceLoops) == 2) != queued {
			t.Errorf("queued %v: %d loops", queued, len(e.voiceLoops))
		}
		if !p.Exact() {
			t.Errorf("queued %v: the nets do not tell their durations", queued)
		}
		if !queued {
			var err error
			if alone, err = p.Speak(t.Context(), request); err != nil {
				t.Fatal(err)
			}
		} else {
			before := e.voiceLoops[0].Stats().Items + e.voiceLoops[1].Stats().Items
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					got, err := p.Speak(t.Context(), request)
					if err != nil || !slices.Equal(got.Sound.Data, alone.Sound.Data) || !slices.Equal(got.Marks, alone.Marks) {
						t.Errorf("%d samples, alone %d; %v", len(got.Sound.Data), len(alone.Sound.Data), err)
					}
				})
			}
			wg.Wait()
			if n := e.voiceLoops[0].Stats().Items + e.voiceLoops[1].Stats().Items - before; n < 6 {
				t.Errorf("%d runs were counted", n)
			}
			if p.Estimate(request) <= 0 {
				t.Error("nobody knows how long it takes")
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkVoice compares nets that speak alone with those that take turns.
func BenchmarkVoice(b *testing.B) {
	voices, worker := b.TempDir(), espeakWorker(b)
	vitstest.Net{}.Write(b, voices, "low", "es_ES", nil)
	for name, queued := range map[string]bool{"alone": false, "queued": true} {
		b.Run(name, func(b *testing.B) {
			e := &engines{log: slog.New(slog.DiscardHandler)}
			p := pipers(b, e, worker, voices, queued)
			defer e.Close()
			for b.Loop() {
				if _, err := p.Speak(b.Context(), inference.SpeechRequest{Lang: "es", Text: "hola, buenos días"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
