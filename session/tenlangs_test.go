package session_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session/spec"
)

// ten are the targets of one session.
var ten = []inference.Lang{"es", "ca", "fr", "it", "pt", "gl", "de", "ro", "nl", "sv"}

// polyglotTranslator has the fake translate to all of ten.
type polyglotTranslator struct{ fake.Translator }

func (*polyglotTranslator) Pairs() (out []inference.Pair) {
	for _, l := range ten {
		out = append(out, inference.Pair{From: "en", To: l})
	}
	return out
}

func (p *polyglotTranslator) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	r.Pair.To = "es"
	return p.Translator.Translate(ctx, r)
}

type polyglotVoice struct{ fake.Synthesizer }

func (*polyglotVoice) Languages() []inference.Lang { return ten }

func (p *polyglotVoice) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	r.Lang = "es"
	return p.Synthesizer.Speak(ctx, r)
}

// tally is a sink that keeps no packet, but what is missing between them.
type tally struct {
	mu     sync.Mutex
	frames int
	sound  time.Duration // of all packets
	next   time.Duration // when the next packet of sound begins
	holes  int           // between packets of sound
	closed int
}

func (*tally) Codecs() (video, audio media.Codec) { return media.H264, media.Opus }
func (*tally) Start([]media.Track) error          { return nil }
func (*tally) AddTrack(media.Track) error         { return nil }

func (s *tally) Write(p media.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Kind == media.Video {
		s.frames++
		return nil
	}
	if s.sound > 0 && p.PTS != s.next {
		s.holes++
	}
	s.sound, s.next = s.sound+p.Duration, p.PTS+p.Duration
	return nil
}

func (s *tally) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// talker speaks half of the time.
func talker(length time.Duration) (out []burst) {
	for at := seconds(.5); at+2*time.Second <= length; at += 2 * time.Second {
		out = append(out, burst{at, at + time.Second})
	}
	return out
}

// tenRig dubs to all of ten.
func tenRig(t *testing.T) *rig {
	r := newRig(t)
	r.cfg.To, r.cfg.KeepRecords = ten, 4
	r.engines.Translator, r.engines.Synthesizer = &polyglotTranslator{}, &polyglotVoice{}
	r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
	return r
}

// whole checks that a dub lost nothing of its phrases, frames and sound.
func whole(t *testing.T, d spec.DubState, s *tally, phrases, frames int, sound time.Duration) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(d.Outcomes) != 1 || d.Outcomes[spec.Played] != phrases || d.Retries != 0 || d.Level != spec.Lips {
		t.Errorf("%s: outcomes %v of %d phrases, %d retries, stands at %s (%s)", d.Lang, d.Outcomes, phrases, d.Retries, d.Level, d.Why)
	}
	if s.frames < frames-2 || d.Frames.Dropped > 2 {
		t.Errorf("%s: %d frames of %d, %d dropped", d.Lang, s.frames, frames, d.Frames.Dropped)
	}
	if s.holes > 0 || s.sound < sound {
		t.Errorf("%s: %d holes in %v of sound, want %v", d.Lang, s.holes, s.sound, sound)
	}
}

// TestTenLanguagesOfAFile dubs one file to ten languages at once.
func TestTenLanguagesOfAFile(t *testing.T) {
	const length = 8 * time.Second
	said := talker(length)
	r := tenRig(t)
	r.cfg.KeepRecords = 0
	r.src = speaker(t, length, said, true, true)
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State()
	if len(st.Dubs) < len(ten) || len(st.Failures) > 0 {
		t.Fatalf("%d dubs; failures %v", len(st.Dubs), st.Failures)
	}
	for _, d := range st.Dubs {
		out := r.out[d.Lang]
		if out == nil {
			continue // the original, which nobody watches
		}
		s := &tally{}
		for _, p := range out.got() {
			_ = s.Write(p)
		}
		whole(t, d, s, len(said), int(length.Seconds()*testFPS), length)
		if len(d.Records) != len(said) {
			t.Errorf("%s: %d records of %d phrases", d.Lang, len(d.Records), len(said))
		}
	}
}

// TestTenLanguagesOfACall dubs a call to ten languages, each of them watched. What
// a call holds does not grow with its length, once the plan's memory of 30 s is
// full: neither goroutines nor memory.
func TestTenLanguagesOfACall(t *testing.T) {
	for _, c := range []struct {
		frames            bool
		length, from, to  time.Duration // of the measurement
		goroutines, bytes int           // by which it may have grown
	}{
		{true, 8 * time.Second, 5 * time.Second, 7 * time.Second, 10, 16 << 20},
		{false, 56 * time.Second, 38 * time.Second, 52 * time.Second, 10, 2 << 20},
	} {
		said := talker(c.length)
		src := speaker(t, c.length, said, true, c.frames)
		frames := 0
		if c.frames {
			frames = int(c.length.Seconds() * testFPS)
		}
		synctest.Test(t, func(t *testing.T) {
			before := runtime.NumGoroutine()
			r := tenRig(t)
			l := r.liveAs(t, spec.Spec{ID: "a", From: "en", To: ten, Consent: true})
			sinks := map[inference.Lang]*tally{}
			for _, lang := range ten {
				sinks[lang] = &tally{}
				l.add(lang, sinks[lang])
			}
			held := func() (goroutines, heap int) {
				synctest.Wait()
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return runtime.NumGoroutine() - before, int(m.HeapAlloc)
			}
			l.publish(src)
			time.Sleep(c.from)
			early, small := held()
			time.Sleep(c.to - c.from)
			late, large := held()
			t.Logf("%d goroutines, then %d; the heap grew by %d kB to %d kB", early, late, (large-small)>>10, large>>10)
			if early > 20*len(ten) || late-early > c.goroutines || large-small > c.bytes {
				t.Errorf("%d goroutines after %v, %d after %v; the heap grew by %d kB", early, c.from, late, c.to, (large-small)>>10)
			}
			time.Sleep(c.length - c.to + r.cfg.Delay + 2*time.Second)
			st := l.State()
			if len(st.Failures) > 0 {
				t.Errorf("failures %v", st.Failures)
			}
			for _, d := range st.Dubs {
				if s := sinks[d.Lang]; s != nil {
					whole(t, d, s, len(said), frames, c.length)
					if want := min(4, len(said)); len(d.Records) != want {
						t.Errorf("%s: %d records are kept, want %d", d.Lang, len(d.Records), want)
					}
				}
			}
		})
	}
}
