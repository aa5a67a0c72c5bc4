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
	"livedub/inference/recognize/wire"
	"livedub/internal/worker"
	"livedub/internal/worker/workertest"
	"livedub/media"
)

func engineOf(t *testing.T, c Config) *PocketSphinx {
	t.Helper()
	p, err := NewPocketSphinx(c)
	if err != nil {
		t.Fatal(err)
	}
	workertest.Closes(t, p)
	return p
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// decoding returns the process that hears s.
func decoding(t *testing.T, p interface{ PIDs() []int }, s inference.RecognizerStream) int {
	t.Helper()
	ids := s.(*stream).dec.(pocketDecoder).w.PIDs()
	if len(ids) != 1 || !slices.Contains(p.PIDs(), ids[0]) {
		t.Fatalf("the stream's decoder is %v, of %v", ids, p.PIDs())
	}
	return ids[0]
}

// A decoder that dies or hangs costs its stream one error, in
// time; the next stream finds another decoder and hears as ever.
func TestFaultyDecoder(t *testing.T) {
	t.Parallel()
	const said = "we need to buy some bread and milk before the shop closes"
	speech := join(silence(400*time.Millisecond), speak(t, "slt", said), silence(600*time.Millisecond))
	for how, spare := range map[string]int{"SIGKILL": 0, "SIGSEGV": 0, "SIGSTOP": 1} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := engineOf(t, Config{Spare: spare})
			s, err := p.Open(t.Context(), inference.Listening{Lang: "en"})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			old := decoding(t, p, s)
			eventually(t, "the spare one", func() bool { return len(p.PIDs()) == 1+spare })
			half := speech[:len(speech)/2]
			if _, err := s.Write(t.Context(), samples(0, half)); err != nil {
				t.Fatal(err)
			}
			switch how {
			case "SIGKILL":
				_ = syscall.Kill(old, syscall.SIGKILL)
			case "SIGSEGV":
				_ = syscall.Kill(old, syscall.SIGSEGV)
			case "SIGSTOP":
				_ = syscall.Kill(old, syscall.SIGSTOP)
			}
			patience := 10 * time.Second
			if how == "SIGSTOP" {
				patience = 100 * time.Millisecond
			}
			fault, failed := time.Now(), time.Time{}
			for at := len(half); failed.IsZero(); at += frameLen {
				if at > len(half)+20*sampleRate {
					t.Fatal("a dead decoder hears on")
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				began := time.Now()
				_, err := s.Write(ctx, samples(media.SamplesToTime(at, sampleRate), speech[at%len(half):at%len(half)+frameLen]))
				if took := time.Since(began); took > patience+2*time.Second {
					t.Errorf("Write took %v with %v to go", took, patience)
				}
				cancel()
				if err != nil {
					failed = time.Now()
					if again := s.(*stream).err; !errors.Is(err, again) {
						t.Errorf("%v, then %v", err, again)
					}
				}
			}
			if _, err := s.Write(t.Context(), samples(time.Hour, speech[:frameLen])); err == nil {
				t.Error("a broken stream hears")
			}
			next, err := p.Open(t.Context(), inference.Listening{Lang: "en"})
			if err != nil {
				t.Fatal(err)
			}
			defer next.Close()
			t.Logf("%s failed after %v, another is open %v later", how, failed.Sub(fault), time.Since(failed))
			if heard := words(hear(t, next, time.Hour, speech, 320)); distance(strings.Fields(said), heard) > 2 {
				t.Errorf("heard %v", heard)
			}
			eventually(t, "the old one to be gone", func() bool { return syscall.Kill(old, 0) != nil })
			if slices.Contains(p.PIDs(), old) || p.CPU() <= 0 {
				t.Errorf("workers %v, of which %d died; CPU %v", p.PIDs(), old, p.CPU())
			}
		})
	}
}

// Who gives up is let go at once, whatever the decoder does.
func TestCancelIsPrompt(t *testing.T) {
	t.Parallel()
	p := engineOf(t, Config{})
	speech := speak(t, "slt", "the weather is nice today")
	for name, stuck := range map[string]func(context.Context, inference.RecognizerStream) error{
		"Flush": func(ctx context.Context, s inference.RecognizerStream) error { _, err := s.Flush(ctx); return err },
		"Write": func(ctx context.Context, s inference.RecognizerStream) error {
			_, err := s.Write(ctx, samples(time.Minute, slices.Repeat(speech, 10)))
			return err
		},
	} {
		s, err := p.Open(t.Context(), inference.Listening{Lang: "en"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(t.Context(), samples(0, speech)); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(decoding(t, p, s), syscall.SIGSTOP)
		ctx, cancel := context.WithCancel(t.Context())
		given := make(chan time.Time, 1)
		time.AfterFunc(50*time.Millisecond, func() { given <- time.Now(); cancel() })
		err = stuck(ctx, s)
		t.Logf("%s returns %v after its caller gave up", name, time.Since(<-given))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Closing in the middle of speech gives the decoder to the next speaker, who hears nothing of it.
func TestDecoderIsUsedAgain(t *testing.T) {
	t.Parallel()
	p := engineOf(t, Config{})
	old := p.PIDs()
	speech := join(speak(t, "slt", "the weather is nice today"), silence(time.Second))
	for range 3 {
		s, err := p.Open(t.Context(), inference.Listening{Lang: "en"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(words(hear(t, s, 0, speech, 320)), " "); got != "the weather is nice today" {
			t.Errorf("heard %q", got)
		}
		if _, err := s.Write(t.Context(), samples(time.Minute, speech[:sampleRate])); err != nil {
			t.Fatal(err)
		}
		s.Close()
		eventually(t, "the decoder to be given back", func() bool { return p.pool.Lent() == 0 })
	}
	if ids := p.PIDs(); !slices.Equal(ids, old) {
		t.Errorf("decoders %v, want %v still", ids, old)
	}
	s, err := p.Open(t.Context(), inference.Listening{Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), samples(0, speech)); !errors.Is(err, errClosed) {
		t.Errorf("a stream of a closed engine: %v", err)
	}
	if _, err := p.Open(t.Context(), inference.Listening{Lang: "en"}); !errors.Is(err, errClosed) {
		t.Errorf("a closed engine: %v", err)
	}
}

func TestNoDecoder(t *testing.T) {
	script := filepath.Join(t.TempDir(), "worker")
	for _, body := range []string{"echo Segmentation fault; exec sleep 60", "exec cat /dev/zero", "exit 0"} {
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := NewPocketSphinx(Config{Worker: script}); err == nil {
			t.Errorf("%q is taken for a decoder", body)
		}
	}
	if _, err := NewPocketSphinx(Config{Memory: 130 << 20}); err == nil || !strings.Contains(err.Error(), "130 MB") {
		t.Errorf("a decoder without memory: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"en-us/mdef", "en-us.lm.bin", "cmudict-en-us.dict"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no model"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewPocketSphinx(Config{ModelDir: dir}); err == nil || !strings.Contains(err.Error(), aptLine) {
		t.Errorf("a broken model: %v", err)
	}
}

// Whatever words a decoder claims to have heard, those of a unit are in order and within it.
func FuzzHeard(f *testing.F) {
	f.Add(wire.EncodeWords([]wire.Segment{{Word: "a", Start: 5, End: 9, Confidence: 1}, {Word: "b", Start: 1, End: 1 << 23}}), uint16(3000), uint16(100))
	f.Fuzz(func(t *testing.T, body []byte, length, lead uint16) {
		heard, err := wordsOf(body)
		if err != nil {
			if !errors.Is(err, worker.ErrBroken) {
				t.Fatal(err)
			}
			return
		}
		s := &stream{cfg: Speech{MaxUnit: defaultMaxUnit}, lead: int(min(lead, length)), pcm: make([]int16, length), cut: cutter{max: defaultMaxUnit}}
		s.clock.set(0, time.Second)
		ws := s.words(heard, int(length))
		last := media.SamplesToTime(s.lead, sampleRate)
		for _, w := range ws {
			if w.Start < last || w.End < w.Start || w.End > media.SamplesToTime(int(length), sampleRate) || w.Text == "" {
				t.Fatalf("%+v after %v in a unit of %d samples", w, last, length)
			}
			last = w.End
		}
		s.emit(ws, true)
		for _, p := range s.latest() {
			if p.End < p.Start || p.End-p.Start > defaultMaxUnit {
				t.Fatalf("a phrase lasts %v..%v", p.Start, p.End)
			}
		}
	})
}
