package session_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/session/spec"
	"livedub/session/work"
)

// fault is what an engine does with a phrase instead of its work.
type fault struct {
	phrase string // that it meets, by its number
	once   bool   // the first try only
	do     func(ctx context.Context) error

	met atomic.Int32
}

func (f *fault) meet(ctx context.Context, text string) error {
	if last := text[len(text)-1:]; last != f.phrase {
		return nil
	}
	if f.met.Add(1); f.once && f.met.Load() > 1 {
		return nil
	}
	return f.do(ctx)
}

type faultyTranslator struct {
	fake.Translator
	*fault
}

func (f *faultyTranslator) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	if err := f.meet(ctx, r.Text); err != nil {
		return "", err
	}
	return f.Translator.Translate(ctx, r)
}

type faultySynthesizer struct {
	fake.Synthesizer
	*fault
}

func (f *faultySynthesizer) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	if err := f.meet(ctx, r.Text); err != nil {
		return inference.Speech{}, err
	}
	return f.Synthesizer.Speak(ctx, r)
}

// faults are the ways of an engine to fail a phrase. Who closes release ends
// what would last for ever.
func faults(release <-chan struct{}) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"deaf for 6 s": func(context.Context) error {
			time.Sleep(6 * time.Second)
			return nil
		},
		"deaf for ever": func(context.Context) error {
			<-release
			return nil
		},
		"waits for its context": func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"panics": func(context.Context) error { panic("the engine broke") },
	}
}

// TestSlowEngineDelaysNoOtherPhrase has a translator and a voice fail the first
// phrase, or the second, in every way: those behind it are not late for it.
func TestSlowEngineDelaysNoOtherPhrase(t *testing.T) {
	src := speaker(t, seconds(9), said, true, false)
	for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
		usual := slowPhrases(t, src, profile, "", "", &fault{phrase: "none"})
		for _, stage := range []string{"translator", "speaker"} {
			for name := range faults(nil) {
				for _, phrase := range []string{"1", "2"} {
					f := &fault{phrase: phrase}
					got := slowPhrases(t, src, profile, stage, name, f)
					for i, rec := range got {
						which := fmt.Sprintf("%s, %s that %s in phrase %s: phrase %d", profile, stage, name, phrase, i+1)
						if fmt.Sprint(i+1) == phrase {
							if rec.Outcome == spec.Played || f.met.Load() < 1 {
								t.Errorf("%s: %s, met %d times", which, rec.Outcome, f.met.Load())
							}
							continue
						}
						if more := rec.Late - usual[i].Late; rec.Outcome != spec.Played || more > lateFor(profile) {
							t.Errorf("%s: %s (%s), %v later than usual", which, rec.Outcome, rec.Err, more)
						}
					}
				}
			}
		}
	}
}

// lateFor is how much later than usual a phrase may sound for a dead one before it.
func lateFor(p spec.Profile) time.Duration {
	if p == spec.Live {
		return seconds(.9) // it was about to sound as soon as it was known
	}
	return 2 * work.Grace
}

// TestSlowEnginesInARow has the translator never return from one phrase and the
// voice never from the one after it, or the other way round, or from more: in a
// conversation those behind are less than a second later than usual, in sync hardly.
func TestSlowEnginesInARow(t *testing.T) {
	quick := []burst{{seconds(.5), seconds(1.2)}, {seconds(1.8), seconds(2.5)}, {seconds(3.1), seconds(3.8)}, {seconds(4.4), seconds(5.1)}}
	for name, said := range map[string][]burst{"apart": said, "close": quick} {
		src := speaker(t, seconds(9), said, true, false)
		for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
			usual := deadPhrases(t, src, len(said), profile, "", "")
			for _, dead := range [][2]string{{"1", "2"}, {"2", "1"}, {"1", "1"}, {"2", "2"}, {"1", "12"}, {"12", "3"}} {
				got := deadPhrases(t, src, len(said), profile, dead[0], dead[1])
				for i, rec := range got {
					if n := fmt.Sprint(i + 1); strings.Contains(dead[0]+dead[1], n) {
						if rec.Outcome == spec.Played {
							t.Errorf("%s, %s, dead for %v: phrase %s was dubbed", name, profile, dead, n)
						}
						continue
					}
					limit := time.Second
					if profile == spec.Sync {
						limit = 2 * work.Grace
					}
					if more := rec.Late - usual[i].Late; rec.Outcome != spec.Played || more >= limit {
						t.Errorf("%s, %s, dead for %v: phrase %d: %s (%s), %v later than usual", name, profile, dead, i+1, rec.Outcome, rec.Err, more)
					}
				}
			}
		}
	}
}

// deadPhrases returns what becomes of n phrases in a call whose translator never
// returns from some of them, and whose voice never from some.
func deadPhrases(t *testing.T, src *memory, n int, profile spec.Profile, translator, voice string) (out []spec.Record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		hang := func(phrases string) func(string) error {
			return func(text string) error {
				if strings.Contains(phrases, text[len(text)-1:]) {
					<-release
				}
				return nil
			}
		}
		r := newRig(t)
		r.cfg.Profile, r.cfg.Delay = profile, profile.DefaultDelay()
		r.engines.Translator, r.engines.Synthesizer = &fake.Translator{Fail: hang(translator)}, &fake.Synthesizer{Fail: hang(voice)}
		l := r.live(t)
		l.attach("es")
		l.publish(src)
		time.Sleep(seconds(24))
		if out = l.State().Dubs[0].Records; len(out) != n {
			t.Fatalf("%s, dead for %q and %q: %d phrases of %d", profile, translator, voice, len(out), n)
		}
	})
	return out
}

// slowPhrases returns what becomes of the phrases of said in a call one of whose engines has a fault.
func slowPhrases(t *testing.T, src *memory, profile spec.Profile, stage, name string, f *fault) (out []spec.Record) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f.do = faults(release)[name]
		r := newRig(t)
		r.cfg.Profile, r.cfg.Delay = profile, profile.DefaultDelay()
		switch stage {
		case "translator":
			r.engines.Translator = &faultyTranslator{fault: f}
		case "speaker":
			r.engines.Synthesizer = &faultySynthesizer{fault: f}
		}
		l := r.live(t)
		l.attach("es")
		l.publish(src)
		time.Sleep(seconds(16))
		st := l.State()
		out = st.Dubs[0].Records
		close(release)
		if len(out) != len(said) {
			t.Fatalf("%s, %s that %s: %d phrases of %d; failures %v", profile, stage, name, len(out), len(said), st.Failures)
		}
		if st.Dubs[0].Level != spec.Voice {
			t.Errorf("%s, %s that %s: the ladder stands at %s after the engine worked again", profile, stage, name, st.Dubs[0].Level)
		}
	})
	return out
}

// TestSlowEngineIsTriedAgain: a first try that gives no answer leaves time for a second.
func TestSlowEngineIsTriedAgain(t *testing.T) {
	src := speaker(t, seconds(9), said, true, false)
	for _, stage := range []string{"translator", "speaker"} {
		for name := range faults(nil) {
			// Of the third phrase, behind which nobody waits.
			for i, rec := range slowPhrases(t, src, spec.Sync, stage, name, &fault{phrase: "3", once: true}) {
				if rec.Outcome != spec.Played || rec.Late > seconds(2) {
					t.Errorf("%s that %s once: phrase %d: %s (%s), %v late", stage, name, i+1, rec.Outcome, rec.Err, rec.Late)
				}
			}
		}
	}
}

// TestSlowEnginesCostNoSoundNorFrame has all phrases hang: the original goes on whole.
func TestSlowEnginesCostNoSoundNorFrame(t *testing.T) {
	src := speaker(t, seconds(12), []burst{{0, seconds(12)}}, true, true)
	for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
		for _, stage := range []string{"translator", "speaker"} {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				r := newRig(t)
				r.cfg.Profile, r.cfg.Delay = profile, profile.DefaultDelay()
				hang := func(string) error {
					<-release
					return nil
				}
				if stage == "translator" {
					r.engines.Translator = &fake.Translator{Fail: hang}
				} else {
					r.engines.Synthesizer = &fake.Synthesizer{Fail: hang}
				}
				l := r.live(t)
				dub, original := l.attach("es"), l.attach("en")
				l.publish(src)
				time.Sleep(seconds(12) + r.cfg.Delay + seconds(1))
				// In sync a dub ducks the original while its first phrase may still
				// come in time, and never again.
				quiet := map[*memory]time.Duration{}
				for _, m := range []*memory{dub, original} {
					pcm := sound(t, m)
					for at := seconds(.1); at < seconds(11.5); at += 20 * time.Millisecond {
						lv := level(pcm, voice, at+r.cfg.Delay)
						if lv < 8000 {
							quiet[m] = at
						}
						if lv < 1000 {
							t.Errorf("%s, dead %s: the voice is at %.0f at %v", profile, stage, lv, at)
							break
						}
					}
				}
				if profile == spec.Live && quiet[dub] > 0 || profile == spec.Sync && (quiet[dub] == 0 || quiet[dub] > seconds(.7)) || quiet[original] > 0 {
					t.Errorf("%s, dead %s: the voice is quiet up to %v, in the original up to %v", profile, stage, quiet[dub], quiet[original])
				}
				st := l.State()
				for _, d := range st.Dubs {
					if d.Frames.Out != 300 || d.Frames.Dropped != 0 {
						t.Errorf("%s, dead %s: %s: frames %+v", profile, stage, d.Lang, d.Frames)
					}
				}
				if d := st.Dubs[0]; d.Level == spec.Voice || d.Level == spec.Lips || d.Outcomes[spec.Played] != 0 {
					t.Errorf("%s, dead %s: the ladder stands at %s, fates %v", profile, stage, d.Level, d.Outcomes)
				}
			})
		}
	}
}

// TestSlowEngineRecovers has an engine deaf for 10 s, whatever it is asked: what
// is said after that is dubbed as if nothing had been.
func TestSlowEngineRecovers(t *testing.T) {
	var many []burst
	for at := seconds(.2); at < seconds(28); at += 2 * time.Second {
		many = append(many, burst{at, at + time.Second})
	}
	const from, to = 5 * time.Second, 15 * time.Second
	src := speaker(t, seconds(30), many, true, false)
	for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
		for _, stage := range []string{"translator", "speaker"} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.cfg.Profile, r.cfg.Delay = profile, profile.DefaultDelay()
				began := time.Now()
				deaf := func(string) error {
					if since := time.Since(began); since >= from && since < to {
						time.Sleep(to - since)
					}
					return nil
				}
				if stage == "translator" {
					r.engines.Translator = &fake.Translator{Fail: deaf}
				} else {
					r.engines.Synthesizer = &fake.Synthesizer{Fail: deaf}
				}
				l := r.live(t)
				l.attach("es")
				l.publish(src)
				time.Sleep(seconds(30) + r.cfg.Delay + seconds(2))
				st := l.State().Dubs[0]
				usual := st.Records[0].Late
				if len(st.Records) != len(many) {
					t.Fatalf("%s, deaf %s: %d phrases of %d", profile, stage, len(st.Records), len(many))
				}
				lost := 0
				for i, rec := range st.Records {
					if rec.Outcome != spec.Played {
						lost++
					}
					if outside := rec.HeardAt < from-seconds(.9) || rec.HeardAt >= to+seconds(.5); outside && (rec.Outcome != spec.Played || rec.Late > usual+lateFor(profile)) {
						t.Errorf("%s, deaf %s: phrase %d, heard at %v: %s (%s), %v late, else %v", profile, stage, i+1, rec.HeardAt, rec.Outcome, rec.Err, rec.Late, usual)
					}
				}
				if lost == 0 || lost > 5 { // those heard in 10 s
					t.Errorf("%s, deaf %s: %d phrases were lost", profile, stage, lost)
				}
				if st.Level != spec.Voice {
					t.Errorf("%s, deaf %s: the ladder stands at %s", profile, stage, st.Level)
				}
			})
		}
	}
}
