package dub

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/timeline"
)

// TestTighten: inner pauses are cut to 60 ms, the rest of the sound stays, and marks
// and words stand where their sound is.
func TestTighten(t *testing.T) {
	const rate, ms = 1000, time.Millisecond
	mark := func(v inference.Viseme, at, dur time.Duration) inference.Mark {
		return inference.Mark{Viseme: v, At: at * ms, Dur: dur * ms}
	}
	s := inference.Speech{
		Sound: media.Samples{Rate: rate, Channels: 1, Data: make([]int16, 1000)},
		Marks: []inference.Mark{
			mark(inference.VisemeRest, 0, 200), // before the first word: not an inner one
			mark(inference.VisemeA, 200, 200), mark(inference.VisemeRest, 400, 260), mark(inference.VisemeO, 660, 100),
			mark(inference.VisemeRest, 760, 140), // no longer than a stop
			mark(inference.VisemeE, 900, 100),
		},
		Words: []inference.Word{{Text: "a", Start: 200 * ms, End: 400 * ms}, {Text: "o", Start: 660 * ms, End: 760 * ms}, {Text: "e", Start: 900 * ms, End: 1000 * ms}},
	}
	for i := range s.Sound.Data {
		if i < 400 || i >= 660 { // the pause is silent
			s.Sound.Data[i] = int16(i + 1)
		}
	}
	out := tighten(s)
	if d := out.Sound.Duration(); d != 800*ms {
		t.Errorf("%v are left, want 800ms", d)
	}
	if m := out.Marks[2]; m.At != 400*ms || m.Dur != 60*ms {
		t.Errorf("the pause lies at %v for %v", m.At, m.Dur)
	}
	for i, want := range []time.Duration{200, 460, 700} {
		w := out.Words[i]
		if w.Start != want*ms {
			t.Errorf("%s begins at %v, want %v", w.Text, w.Start, want*ms)
		}
		if v := out.Sound.Data[int(w.Start/ms)+10]; v == 0 || v != s.Sound.Data[int(s.Words[i].Start/ms)+10] {
			t.Errorf("%s: sample %d is not where it was said", w.Text, v)
		}
	}
	last := out.Marks[len(out.Marks)-1]
	if last.At+last.Dur != out.Sound.Duration() {
		t.Errorf("marks end at %v of %v", last.At+last.Dur, out.Sound.Duration())
	}
	if len(s.Marks) != len(out.Marks) {
		t.Error("it is no speech any more")
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"Buenos días.": {"Buenos días."},
		"Cuando llegamos a casa, los niños ya dormían.":      {"Cuando llegamos a casa,", "los niños ya dormían."},
		"Sí, claro, vamos a ver qué pasa, y luego hablamos.": {"Sí, claro, vamos a ver qué pasa,", "y luego hablamos."},
		"Cuesta 3.500 euros con 20 céntimos en la tienda.":   {"Cuesta 3.500 euros con 20 céntimos en la tienda."},
		"": {""},
		"¿Qué hora es en Madrid? Las nueve y cuarto de hoy.":                             {"¿Qué hora es en Madrid?", "Las nueve y cuarto de hoy."},
		strings.Repeat("今天天气很好我们去公园散步吧然后", 2) + "。" + strings.Repeat("晚上再一起吃饭", 3) + "。": {strings.Repeat("今天天气很好我们去公园散步吧然后", 2) + "。", strings.Repeat("晚上再一起吃饭", 3) + "。"},
	} {
		got := split(text)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if strings.Join(strings.Fields(strings.Join(got, " ")), "") != strings.Join(strings.Fields(text), "") {
			t.Errorf("%q: something is lost in %q", text, got)
		}
	}
}

// slow is a voice that says that it takes a second for a phrase, and fails for what it is told to.
type slow struct {
	fake.Synthesizer
	said  []string
	fits  []time.Duration
	fails string
}

func (s *slow) Estimate(inference.SpeechRequest) time.Duration { return time.Second }

func (s *slow) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	s.said, s.fits = append(s.said, r.Text), append(s.fits, r.Fit)
	if r.Text == s.fails {
		return inference.Speech{}, errors.New("no voice")
	}
	return s.Synthesizer.Speak(ctx, r)
}

// TestGrowing: a slow voice speaks a phrase clause by clause; its record is one, and
// a clause that fails ends the phrase, not what sounds already.
func TestGrowing(t *testing.T) {
	const text = "Cuando llegamos a casa, los niños ya dormían."
	for name, fails := range map[string]string{"all": "", "the second fails": "los niños ya dormían.", "the first fails": "Cuando llegamos a casa,"} {
		e := engines()
		voice := &slow{fails: fails}
		e.Synthesizer = voice
		d, _ := newDub(false, e, false)
		d.env.Log = slog.New(slog.DiscardHandler)
		p := inference.Phrase{ID: 1, Lang: "en", Text: "when", Start: time.Second, End: 4 * time.Second, Final: true}
		d.env.Config.Video.File = true
		j := &job{phrase: p, hold: d.env.Clock.Hold(4 * time.Second), heard: 4 * time.Second}
		j.record.Text = text
		d.speakOne(t.Context(), j)
		j.hold.Release()
		r := d.State().Records[0]
		switch fails {
		case "":
			if r.Outcome != spec.Played || len(voice.said) != 2 || len(r.Words) != 8 || r.Err != "" {
				t.Errorf("%s: %s, said %q, %d words, %q", name, r.Outcome, voice.said, len(r.Words), r.Err)
			}
			if last := r.Marks[len(r.Marks)-1]; (last.At + last.Dur - (r.DubEnd - r.DubStart)).Abs() > time.Millisecond {
				t.Errorf("marks end at %v of %v", last.At+last.Dur, r.DubEnd-r.DubStart)
			}
			for i := 1; i < len(r.Marks); i++ {
				if off := r.Marks[i].At - r.Marks[i-1].At - r.Marks[i-1].Dur; off.Abs() > time.Millisecond {
					t.Errorf("%v between marks %d and %d", off, i-1, i)
				}
			}
			if d.timeline.End() != r.DubEnd+d.env.Config.Delay {
				t.Error("the plan ends elsewhere")
			}
		case text[:len("Cuando llegamos a casa,")]:
			if r.Outcome != spec.SkippedFailed {
				t.Errorf("%s: %s", name, r.Outcome)
			}
		default:
			if r.Outcome != spec.Played || r.Err == "" || len(r.Words) != 4 {
				t.Errorf("%s: %s, %d words, %q", name, r.Outcome, len(r.Words), r.Err)
			}
		}
	}
}

// TestGrowingKeepsItsRoom: each clause gets its share of the phrase's time; that the
// clause before still sounds is no reason to hurry.
func TestGrowingKeepsItsRoom(t *testing.T) {
	const text = "Cuando llegamos a casa, los niños ya dormían, y nadie quiso despertarlos."
	for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
		e := engines()
		voice := &slow{}
		e.Synthesizer = voice
		d, _ := newDub(false, e, false)
		d.env.Config.Profile, d.env.Config.Video.File = profile, true
		d.timeline = timeline.New(d.env.Config.Planning())
		p := inference.Phrase{ID: 1, Lang: "en", Text: "when", Start: time.Second, End: 6 * time.Second, Final: true}
		j := &job{phrase: p, hold: d.env.Clock.Hold(4 * time.Second), heard: 4 * time.Second}
		j.record.Text = text
		d.speakOne(t.Context(), j)
		j.hold.Release()
		if len(voice.said) != 3 {
			t.Fatalf("%s: said %q", profile, voice.said)
		}
		sum := time.Duration(0)
		for i, fit := range voice.fits {
			sum += fit
			if want := 5 * time.Second * time.Duration(len(voice.said[i])) / time.Duration(len(text)); (fit - want).Abs() > time.Millisecond {
				t.Errorf("%s: %q is to last %v, want %v", profile, voice.said[i], fit, want)
			}
		}
		if most := p.End - p.Start; sum > most {
			t.Errorf("%s: the clauses are to last %v of %v", profile, sum, most)
		}
	}
}

// TestLateClause: a clause may come as long as the one before it sounds, also after
// the time by which the phrase had to begin.
func TestLateClause(t *testing.T) {
	e := engines()
	voice := &slow{}
	e.Synthesizer = voice
	d, _ := newDub(false, e, false)
	p := inference.Phrase{ID: 1, Lang: "en", Text: "when", Start: time.Second, End: 4 * time.Second, Final: true}
	j := &job{phrase: p, hold: d.env.Clock.Hold(4 * time.Second), heard: 4 * time.Second}
	d.timeline.Place(d.last(j), p, make([]int16, 5*timeline.Rate), nil)
	if got, want := d.lastOf(j, false), d.timeline.End()-d.env.Config.Profile.Freeze(); got != want || got <= d.last(j) {
		t.Errorf("it may be placed until %v, want %v", got, want)
	}
	if got := d.lastOf(j, true); got != d.last(j) {
		t.Errorf("a first clause may be placed until %v, want %v", got, d.last(j))
	}
}
