package session_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session"
	"livedub/session/spec"
)

// refusing is an engine that refuses the second phrase, or makes 5,000 characters of it.
type refusing struct {
	fake.Translator
	long  bool
	asked atomic.Int32
}

func (f *refusing) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	if !strings.Contains(r.Text, "2") {
		return f.Translator.Translate(ctx, r)
	}
	if f.asked.Add(1); f.long {
		return strings.Repeat("muy ", 1249) + "bien", nil
	}
	return "", fmt.Errorf("%w: phrase of 5000 characters", inference.ErrRefused)
}

// TestRefusedText: a phrase that is too long, or that an engine refuses, is not
// tried again in vain; its caption is marked, the record tells why, and those
// around it are dubbed.
func TestRefusedText(t *testing.T) {
	for name, c := range map[string]struct {
		long      bool // the translation
		voice     bool // refuses
		stage     string
		says, why string
	}{
		"the translator refuses": {stage: "translate", says: "phrase of 5000 characters", why: "translation failed"},
		"too long for a voice":   {long: true, stage: "speak", says: "a translation of 5000 characters: at most 1200 are spoken", why: "the voice cannot say the text"},
		"the voice refuses":      {voice: true, stage: "speak", says: "reads none of its 8 letters", why: "the voice cannot say the text"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tr, spoken := &refusing{long: c.long}, atomic.Int32{}
			r.engines.Translator = tr
			if c.voice {
				r.engines.Translator = &fake.Translator{}
			}
			r.engines.Synthesizer = &fake.Synthesizer{Fail: func(text string) error {
				if strings.Contains(text, "2") || len(text) > 1000 {
					spoken.Add(1)
					return fmt.Errorf("%w: the voice reads none of its 8 letters", inference.ErrRefused)
				}
				return nil
			}}
			var err error
			if r.s, err = session.New(r.cfg, r.engines, r.clock); err != nil {
				t.Fatal(err)
			}
			all := follow(t, r.s)
			if _, err := r.s.Subscribe("es", &memory{}); err != nil {
				t.Fatal(err)
			}
			if err := r.s.Dub(t.Context(), speaker(t, seconds(9), said, true, false)); err != nil {
				t.Fatal(err)
			}
			var captions []spec.Caption
			var steps []string
			for _, e := range all() {
				switch c := e.Caption(); {
				case c != nil && c.Final && c.Lang == "es":
					captions = append(captions, *c)
				case e.Ladder != nil:
					steps = append(steps, e.Ladder.Why)
				}
			}
			st := r.s.State()
			d := st.Dubs[0]
			if len(d.Records) != 3 || d.Outcomes[spec.Played] != 2 || d.Outcomes[spec.SkippedFailed] != 1 {
				t.Fatalf("outcomes %v of %d phrases", d.Outcomes, len(d.Records))
			}
			if rec := d.Records[1]; rec.Outcome != spec.SkippedFailed || !strings.Contains(rec.Err, c.says) {
				t.Errorf("the second phrase: %s, %q", rec.Outcome, rec.Err)
			}
			if d.Retries != 0 || st.Failures[c.stage] != 1 || len(st.Failures) != 1 || !c.voice && spoken.Load() != 0 || c.voice && spoken.Load() != 1 || tr.asked.Load() > 1 {
				t.Errorf("%d retries, failures %v, the translator was asked %d times, the voice %d", d.Retries, st.Failures, tr.asked.Load(), spoken.Load())
			}
			skipped := 0
			for _, caption := range captions {
				if caption.Skipped {
					skipped++
					if caption.ID != 2 || caption.Text == "" {
						t.Errorf("a marked caption: %+v", caption)
					}
				}
			}
			if skipped != 1 || !strings.Contains(strings.Join(steps, ";"), c.why) || d.Level != spec.Voice {
				t.Errorf("%d captions are marked; steps %q; stands at %s", skipped, steps, d.Level)
			}
		})
	}
}

// nonsense is a recognizer whose second phrase no recognizer can have heard.
type nonsense struct {
	fake.Recognizer
	spoil func(p *inference.Phrase)
}

func (f *nonsense) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	s, err := f.Recognizer.Open(ctx, l)
	return nonsenseStream{s, f.spoil}, err
}

type nonsenseStream struct {
	inference.RecognizerStream
	spoil func(p *inference.Phrase)
}

func (s nonsenseStream) spoiled(all []inference.Phrase, err error) ([]inference.Phrase, error) {
	for i := range all {
		if all[i].ID == 2 && all[i].Final {
			s.spoil(&all[i])
		}
	}
	return all, err
}

func (s nonsenseStream) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	return s.spoiled(s.RecognizerStream.Write(ctx, in))
}

func (s nonsenseStream) Flush(ctx context.Context) ([]inference.Phrase, error) {
	return s.spoiled(s.RecognizerStream.Flush(ctx))
}

// TestNonsenseOfTheRecognizer: words out of order or outside of their unit cost
// their phrase, and are counted; the others are dubbed.
func TestNonsenseOfTheRecognizer(t *testing.T) {
	for name, spoil := range map[string]func(p *inference.Phrase){
		"words out of order":   func(p *inference.Phrase) { p.Words[0], p.Words[1] = p.Words[1], p.Words[0] },
		"a word behind it all": func(p *inference.Phrase) { p.Words[1].End += seconds(20) },
		"a word before":        func(p *inference.Phrase) { p.Words[0].Start = -seconds(1) },
		"a unit of tomorrow":   func(p *inference.Phrase) { p.Start, p.End = p.Start+seconds(9000), p.End+seconds(9000) },
		"a unit turned round":  func(p *inference.Phrase) { p.Start, p.End = p.End, p.Start },
		"a book":               func(p *inference.Phrase) { p.Text = strings.Repeat("word ", 20_000) },
	} {
		r := newRig(t)
		r.engines.Recognizer = &nonsense{spoil: spoil}
		r.src = speaker(t, seconds(9), said, true, false)
		if err := r.run(t, t.Context()); err != nil {
			t.Fatal(err)
		}
		st := r.s.State()
		if d := st.Dubs[0]; d.Outcomes[spec.Played] != 2 || len(d.Records) != 2 || st.Failures["recognize"] != 1 {
			t.Errorf("%s: outcomes %v, failures %v", name, d.Outcomes, st.Failures)
		}
	}
}

// odd is a voice whose second phrase no voice can have spoken.
type odd struct {
	fake.Synthesizer
	spoil func(s *inference.Speech)
}

func (f *odd) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	s, err := f.Synthesizer.Speak(ctx, r)
	if strings.Contains(r.Text, "2") && err == nil {
		f.spoil(&s)
	}
	return s, err
}

// TestNonsenseOfTheVoice: sound of no time, of more than a minute, of no rate and
// the like costs its phrase; sound of another rate is played as it is meant.
func TestNonsenseOfTheVoice(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *inference.Speech)
		plays bool
	}{
		"no sound":          {func(s *inference.Speech) { s.Sound.Data = nil }, false},
		"nothing":           {func(s *inference.Speech) { *s = inference.Speech{} }, false},
		"an hour":           {func(s *inference.Speech) { s.Sound.Rate, s.Sound.Data = 4000, make([]int16, 4000*3600) }, false},
		"stereo":            {func(s *inference.Speech) { s.Sound.Channels = 2 }, false},
		"no rate":           {func(s *inference.Speech) { s.Sound.Rate = 0 }, false},
		"another rate":      {func(s *inference.Speech) { s.Sound.Rate, s.Sound.Data = 44100, make([]int16, 2*len(s.Sound.Data)) }, true},
		"marks of tomorrow": {func(s *inference.Speech) { s.Marks[0].Dur = 1 << 62 }, false},
		"marks turned":      {func(s *inference.Speech) { s.Marks[0].At = seconds(.5) }, false},
		"no marks":          {func(s *inference.Speech) { s.Marks = nil }, true},
	} {
		r := newRig(t)
		r.engines.Synthesizer = &odd{spoil: c.spoil}
		r.src = speaker(t, seconds(9), said, true, false)
		if err := r.run(t, t.Context()); err != nil {
			t.Fatal(err)
		}
		st := r.s.State()
		d := st.Dubs[0]
		if len(d.Records) != 3 || (d.Records[1].Outcome == spec.Played) != c.plays || d.Records[2].Outcome != spec.Played {
			t.Errorf("%s: outcomes %v, failures %v", name, d.Outcomes, st.Failures)
		}
		if !c.plays && st.Failures["speak"] == 0 || c.plays && len(st.Failures) > 0 {
			t.Errorf("%s: failures %v", name, st.Failures)
		}
	}
}
