package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session/spec"
)

func TestFailingEngineIsTriedAgainThenSkipped(t *testing.T) {
	for _, c := range []struct {
		name  string
		times int32
		fate  spec.Outcome
	}{{"once", 1, spec.Played}, {"twice", 2, spec.SkippedFailed}} {
		for _, stage := range []string{"translate", "speak", "panic"} {
			t.Run(stage+" "+c.name, func(t *testing.T) {
				r := newRig(t)
				var failed atomic.Int32
				fail := func(text string) error {
					if strings.Contains(text, "2") && failed.Add(1) <= c.times {
						if stage == "panic" {
							panic("the engine broke")
						}
						return errors.New("the worker died")
					}
					return nil
				}
				if stage == "translate" {
					r.engines.Translator = &fake.Translator{Fail: fail}
				} else {
					r.engines.Synthesizer = &fake.Synthesizer{Fail: fail}
				}
				// The fake speaker needs letters; the phrase's number tells them apart.
				if err := r.run(t, t.Context()); err != nil {
					t.Fatal(err)
				}
				st := r.s.State().Dubs[0]
				if len(st.Records) != 3 || st.Records[1].Outcome != c.fate || st.Records[2].Outcome != spec.Played {
					t.Fatalf("fates: %+v", st.Records)
				}
				if st.Retries != int(c.times) {
					t.Errorf("%d retries counted, want %d", st.Retries, c.times)
				}
				l := level(sound(t, r.out["es"]), voice, seconds(3.4)+r.cfg.Delay)
				if c.fate == spec.Played && l > 2000 || c.fate != spec.Played && l < 8000 {
					t.Errorf("%s: the original is at %.0f", c.fate, l)
				}
				if st.Level != spec.Voice {
					t.Errorf("ladder stands at %s after the engine worked again", st.Level)
				}
			})
		}
	}
}

func TestFailingRecognizerLeavesTheOriginal(t *testing.T) {
	r := newRig(t)
	var calls atomic.Int32
	r.engines.Recognizer = &fake.Recognizer{Fail: func() error {
		if calls.Add(1) == 30 {
			panic("the model broke")
		}
		if n := calls.Load(); n > 10 && n < 200 {
			return errors.New("the recognizer broke")
		}
		return nil
	}}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State()
	if st.Failures["recognize"] == 0 || st.Dubs[0].Steps[spec.Passthrough] == 0 {
		t.Errorf("failures %v, steps %v", st.Failures, st.Dubs[0].Steps)
	}
	if l := level(sound(t, r.out["es"]), voice, seconds(1)+r.cfg.Delay); l < 8000 {
		t.Errorf("the original is at %.0f", l)
	}
	if st.Dubs[0].Frames.Out != 225 {
		t.Errorf("frames %+v", st.Dubs[0].Frames)
	}
}

// TestPhrasesKeepTheirNumbers breaks the recognizer between the first phrase
// and the second, and where it says what is left.
func TestPhrasesKeepTheirNumbers(t *testing.T) {
	r := newRig(t)
	calls := 0
	r.engines.Recognizer = &flushPanics{fake.Recognizer{Fail: func() error {
		if calls++; calls == 105 { // at 2.1 s, for the rest of the second phrase
			return errors.New("the recognizer broke")
		}
		return nil
	}}}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State()
	var ids []int
	for _, rec := range st.Dubs[0].Records {
		ids = append(ids, rec.Phrase.ID)
	}
	if !slices.Equal(ids, []int{1, 2, 3}) || st.Failures["recognize"] != 2 || st.Dubs[0].Frames.Out != 225 {
		t.Errorf("phrases %v, failures %v, frames %+v", ids, st.Failures, st.Dubs[0].Frames)
	}
}

// flushPanics is a recognizer that panics when the source has ended.
type flushPanics struct{ fake.Recognizer }

func (f *flushPanics) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	s, err := f.Recognizer.Open(ctx, l)
	return flushPanicsStream{s}, err
}

type flushPanicsStream struct{ inference.RecognizerStream }

func TestFailingLipsLeaveTheFrame(t *testing.T) {
	r := newRig(t)
	r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{Fail: func() error { panic("no mouth") }}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.s.State()
	if st.Dubs[0].Frames.Untouched != 225 || st.Failures["lips"] == 0 || st.Dubs[0].Steps[spec.Voice] == 0 {
		t.Errorf("frames %+v, failures %v", st.Dubs[0].Frames, st.Failures)
	}
}

// TestTheEndIsNoFailure ends the session while an engine is at work.
func TestTheEndIsNoFailure(t *testing.T) {
	for _, stage := range []string{"translate", "speak", "lips"} {
		r := newRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		reached := false
		end := func(text string) error {
			if strings.Contains(text, "yes") { // the engines warm up
				return nil
			}
			reached = true
			cancel()
			return errors.New("the worker was told to stop")
		}
		translator, speaker, lips := &fake.Translator{}, &fake.Synthesizer{}, &fake.Lips{}
		switch stage {
		case "translate":
			translator.Fail = end
		case "speak":
			speaker.Fail = end
		case "lips":
			lips.Fail = func() error { return end("") }
		}
		r.engines.Translator, r.engines.Synthesizer, r.engines.Faces, r.engines.Lips = translator, speaker, fake.Faces{}, lips
		if err := r.run(t, ctx); !errors.Is(err, context.Canceled) || !reached {
			t.Fatalf("%s: %v, reached %v", stage, err, reached)
		}
		st := r.s.State()
		d := st.Dubs[0]
		if len(st.Failures) != 0 || len(d.Steps) != 0 || d.Retries != 0 || d.Outcomes[spec.SkippedFailed] != 0 {
			t.Errorf("%s: failures %v, steps %v, %d retries, fates %v", stage, st.Failures, d.Steps, d.Retries, d.Outcomes)
		}
	}
}

func TestSinkErrors(t *testing.T) {
	full := errors.New("no space left")
	for _, ends := range []bool{true, false} {
		r := newRig(t)
		r.cfg.SinkErrorsEnd = ends
		r.cfg.To = []inference.Lang{"es", "ca"}
		r.out = map[inference.Lang]*memory{"es": {fail: func(p media.Packet) error {
			if p.PTS > seconds(6) {
				return full
			}
			return nil
		}}}
		err := r.run(t, t.Context())
		if ends != errors.Is(err, full) {
			t.Errorf("SinkErrorsEnd %v: %v", ends, err)
		}
		if last := r.out["ca"].packets[len(r.out["ca"].packets)-1].PTS; !ends && last < seconds(12) {
			t.Errorf("the other dub ended at %v", last)
		}
	}
}

func TestGarbageInTheMiddle(t *testing.T) {
	r := newRig(t)
	r.src = speaker(t, seconds(9), said, true, true)
	for i := range r.src.packets {
		if i > 200 && i < 260 {
			r.src.packets[i].Data = []byte{0xde, 0xad, 0xbe, 0xef}
		}
	}
	if err := r.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := r.s.State(); len(st.Failures) == 0 || st.Dubs[0].Frames.Out < 150 {
		t.Errorf("failures %v, frames %+v", st.Failures, st.Dubs[0].Frames)
	}
}
