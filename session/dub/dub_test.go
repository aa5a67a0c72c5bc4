package dub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/inference/glossary"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
	"livedub/session/video"
	"livedub/session/work"
)

// newDub returns a dub to Spanish by fakes, and the steps of its ladder as they are told.
func newDub(consent bool, engines spec.Engines, original bool) (*Dub, *[]string) {
	c := &spec.Config{From: "en", Profile: spec.Sync, Delay: 4 * time.Second, Consent: spec.Consent{Given: consent}, Log: slog.New(slog.DiscardHandler)}
	shared, told := work.NewShared(pace.NewVirtual(), c.Log, nil), &[]string{}
	e := Env{Shared: shared, Config: c, Engines: engines, Mouths: video.NewMouths(shared, c, engines.Lips, func() {}), Words: func() glossary.Words { return c.Words }, Tell: func(e record.Record) {
		if l := e.Ladder; l != nil {
			*told = append(*told, fmt.Sprint(l.Level, " ", l.Why))
		}
	}}
	return New(e, "es", original), told
}

func engines() spec.Engines {
	return spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}, Faces: fake.Faces{}, Lips: &fake.Lips{}}
}

// TestLadderBegins: where a dub stands before anything has happened, and why.
func TestLadderBegins(t *testing.T) {
	without := func(fn func(*spec.Engines)) spec.Engines {
		e := engines()
		fn(&e)
		return e
	}
	for name, c := range map[string]struct {
		consent, original bool
		engines           spec.Engines
		lips              spec.LipsState
		level             spec.Level
		why               string
	}{
		"all":          {true, false, engines(), spec.LipsOn, spec.Lips, ""},
		"no consent":   {false, false, engines(), spec.LipsNoConsent, spec.Voice, "no recorded consent"},
		"no lips":      {true, false, without(func(e *spec.Engines) { e.Lips = nil }), spec.LipsUnavailable, spec.Voice, ""},
		"no faces":     {true, false, without(func(e *spec.Engines) { e.Faces = nil }), spec.LipsUnavailable, spec.Voice, ""},
		"no voice":     {true, false, without(func(e *spec.Engines) { e.Synthesizer = nil }), spec.LipsUnavailable, spec.Passthrough, ""},
		"the original": {true, true, engines(), "", spec.Passthrough, ""},
	} {
		d, _ := newDub(c.consent, c.engines, c.original)
		if st := d.State(); st.Lips != c.lips || st.Level != c.level || st.Why != c.why {
			t.Errorf("%s: lips %q, %s (%s), want %q, %s (%s)", name, st.Lips, st.Level, st.Why, c.lips, c.level, c.why)
		}
	}
}

// TestLadderSteps: lips go off and on, faces fall behind for a second; a lower
// step is not left by that.
func TestLadderSteps(t *testing.T) {
	d, told := newDub(true, engines(), false)
	d.SetLips(false)
	d.SetLips(false)
	d.SetLips(true)
	d.FacesSlow(time.Second)
	d.Unrecognized(2*time.Second, "recognition failed")
	d.SetLips(false)
	d.SetLips(true)
	want := []string{"voice switched off", "lips ", "voice face tracking is too slow", "passthrough recognition failed"}
	if fmt.Sprint(*told) != fmt.Sprint(want) {
		t.Errorf("told %q, want %q", *told, want)
	}
	if n := d.State().Steps[spec.Voice]; n != 2 {
		t.Errorf("%d steps to voice", n)
	}
}

// TestPlayable: what of a voice can be played.
func TestPlayable(t *testing.T) {
	second := media.Samples{Rate: 22050, Channels: 1, Data: make([]int16, 22050)}
	mark := func(at, dur time.Duration) []inference.Mark { return []inference.Mark{{IPA: "a", At: at, Dur: dur}} }
	words := func(at ...time.Duration) (out []inference.Word) {
		for i := 0; i < len(at); i += 2 {
			out = append(out, inference.Word{Text: "a", Start: at[i], End: at[i+1]})
		}
		return out
	}
	for name, c := range map[string]struct {
		s    inference.Speech
		want bool
	}{
		"a second":           {inference.Speech{Sound: second}, true},
		"with a mark":        {inference.Speech{Sound: second, Marks: mark(.5e9, .1e9)}, true},
		"nothing":            {inference.Speech{}, false},
		"stereo":             {inference.Speech{Sound: media.Samples{Rate: 22050, Channels: 2, Data: second.Data}}, false},
		"no rate":            {inference.Speech{Sound: media.Samples{Channels: 1, Data: second.Data}}, false},
		"too long":           {inference.Speech{Sound: media.Samples{Rate: 4000, Channels: 1, Data: make([]int16, 4000*61)}}, false},
		"a mark beyond":      {inference.Speech{Sound: second, Marks: mark(2e9, .1e9)}, false},
		"marks out of order": {inference.Speech{Sound: second, Marks: append(mark(.5e9, .1e9), mark(.1e9, .1e9)...)}, false},
		"a mark for ever":    {inference.Speech{Sound: second, Marks: mark(.5e9, math.MaxInt64)}, false},
		"a minute":           {inference.Speech{Sound: media.Samples{Rate: 4000, Channels: 1, Data: make([]int16, 4000*60)}}, true},
		"another rate":       {inference.Speech{Sound: media.Samples{Rate: 48000, Channels: 1, Data: second.Data}}, true},
		"no rate at all":     {inference.Speech{Sound: media.Samples{Rate: 1 << 30, Channels: 1, Data: second.Data}}, false},
		"a NaN":              {inference.Speech{Sound: second, Rate: math.NaN()}, false},
		"endless speed":      {inference.Speech{Sound: second, Rate: math.Inf(1)}, false},
		"with words":         {inference.Speech{Sound: second, Words: words(.1e9, .5e9, .5e9, .9e9)}, true},
		"words out of order": {inference.Speech{Sound: second, Words: words(.5e9, .9e9, .1e9, .5e9)}, false},
		"a word turned":      {inference.Speech{Sound: second, Words: words(.5e9, .1e9)}, false},
		"a word beyond":      {inference.Speech{Sound: second, Words: words(.5e9, 3e9)}, false},
		"a word before":      {inference.Speech{Sound: second, Words: words(-1, .1e9)}, false},
		"a mark of less":     {inference.Speech{Sound: second, Marks: mark(.5e9, -1)}, false},
	} {
		if err := playable(c.s); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOutcomeOf(t *testing.T) {
	for err, want := range map[error]spec.Outcome{
		fmt.Errorf("voice: %w", work.ErrSlow): spec.SkippedLate,
		errors.New("no such language"):        spec.SkippedFailed,
		work.ErrDead:                          spec.SkippedFailed,
	} {
		if got := outcomeOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// TestResampleKeepsLength: a speech of any rate lasts as long at the timeline's, and so does its tone.
func TestResampleKeepsLength(t *testing.T) {
	for _, rate := range []int{8000, 22050, 24000, 48000} {
		in := make([]int16, rate/2)
		for i := range in {
			in[i] = int16(9000 * math.Sin(2*math.Pi*440*float64(i)/float64(rate)))
		}
		out, err := resample(media.Samples{Rate: rate, Channels: 1, Data: in})
		if err != nil {
			t.Fatal(err)
		}
		crossings := 0
		for i := range out[1:] {
			if (out[i] < 0) != (out[i+1] < 0) {
				crossings++
			}
		}
		if d := len(out) - timeline.Rate/2; d < -timeline.Rate/100 || d > 0 || crossings < 420 || crossings > 445 {
			t.Errorf("%d Hz: %d samples of %d, %d zero crossings of 440", rate, len(out), timeline.Rate/2, crossings)
		}
		if n := len(probe(out)); n != len(out)/3 {
			t.Errorf("%d Hz: a probe of %d samples of %d", rate, n, len(out)/3)
		}
	}
}

// TestHearKeepsTime: a final phrase holds virtual time until it has been dealt with; the original takes none.
func TestHearKeepsTime(t *testing.T) {
	p := inference.Phrase{ID: 1, Lang: "en", Text: "hello", Final: true, Start: time.Second, End: 2 * time.Second}
	for _, original := range []bool{false, true} {
		d, _ := newDub(true, engines(), original)
		d.Hear(context.Background(), p, 2*time.Second)
		d.env.Clock.Advance(time.Minute)
		want := 2 * time.Second
		if original {
			want = time.Minute
		}
		if got := d.env.Clock.Now(); got != want {
			t.Errorf("original %v: the clock stands at %v, want %v", original, got, want)
		}
		for _, j := range d.phrases.Rest() {
			j.hold.Release()
		}
	}
}

// TestWarmsItsPair: where the language is told by ear, engines are tried with one
// that is dubbed to this dub's, not with another dub's.
func TestWarmsItsPair(t *testing.T) {
	e := engines()
	asked := &asks{Translator: fake.Translator{Directions: []inference.Pair{{From: "en", To: "pt"}, {From: "fr", To: "es"}}}}
	e.Recognizer, e.Translator = &tells{}, asked
	d, _ := newDub(false, e, false)
	d.env.Config.From, d.env.Config.To = inference.Auto, []inference.Lang{"pt", "es"}
	if err := d.warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := (inference.Pair{From: "fr", To: "es"}); asked.pair != want {
		t.Errorf("tried with %v, want %v", asked.pair, want)
	}
}

// TestNoSuchPair: a phrase in a language that is not translated to the dub's is
// left out at once, and shown as that.
func TestNoSuchPair(t *testing.T) {
	e := engines()
	asked := &asks{Translator: fake.Translator{Directions: []inference.Pair{{From: "fr", To: "es"}}}}
	e.Translator = asked
	d, _ := newDub(false, e, false)
	j := &job{phrase: inference.Phrase{ID: 1, Lang: "de", Text: "ja", Start: time.Second, End: 2 * time.Second, Final: true}, hold: d.env.Clock.Hold(2 * time.Second)}
	d.translateOne(t.Context(), j)
	j.hold.Release()
	if asked.times != 1 || j.outcome != spec.SkippedFailed || !errors.Is(j.err, inference.ErrUnsupported) {
		t.Errorf("asked %d times: %s, %v", asked.times, j.outcome, j.err)
	}
}

// asks is a translator that remembers what it was asked last, and how often.
type asks struct {
	fake.Translator
	pair  inference.Pair
	times int
}

func (a *asks) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	a.pair = r.Pair
	a.times++
	return a.Translator.Translate(ctx, r)
}

// tells is a recognizer of two languages, which it tells by ear.
type tells struct{ fake.Recognizer }

func (*tells) Languages() []inference.Lang { return []inference.Lang{"en", "fr", inference.Auto} }
