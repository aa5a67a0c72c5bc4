package audio

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// muted is an Out that counts what is not recognized.
type muted struct {
	Out
	times int
}

func (o *muted) Unrecognized(time.Duration, string) { o.times++ }

// TestPreRoll: what a source from another node brings at once waits for the recognizer,
// however much that is; what comes live does not pile up like that.
func TestPreRoll(t *testing.T) {
	for _, tt := range []struct {
		name  string
		from  time.Duration // of the first sound, before now
		drops bool
	}{
		{"from another node", 8 * time.Second, false},
		{"live", 0, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			clock, out := pace.NewWallAt(time.Minute), &muted{}
			in := NewInput(Env{
				Shared: work.NewShared(clock, slog.New(slog.DiscardHandler), nil), Out: out,
				Config:  &spec.Config{From: "en", Profile: spec.Sync, Delay: spec.Sync.DefaultDelay()},
				Engines: spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}},
			})
			l := newListener(in)
			defer func() {
				for _, h := range l.queue.Rest() {
					h.hold.Release()
				}
			}()
			first := clock.Now() - tt.from
			for at := time.Duration(0); at < 8*time.Second; at += 20 * time.Millisecond {
				s := media.Samples{PTS: first + at, Rate: listenRate, Channels: 1, Data: make([]int16, listenRate/50)}
				if err := l.hear(t.Context(), heard{sound: s, at: s.End()}); err != nil {
					t.Fatal(err)
				}
			}
			if out.times > 0 != tt.drops {
				t.Errorf("%s: sound was left out %d times", tt.name, out.times)
			}
			time.Sleep(time.Minute)
			if l.preRoll() != 0 {
				t.Errorf("%s: a minute later it may still be %v behind", tt.name, l.preRoll())
			}
		})
	}
}
