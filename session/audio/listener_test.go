package audio

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// TestPlausible: what a recognizer may say of sound heard up to 10 s.
func TestPlausible(t *testing.T) {
	const now = 10 * time.Second
	s := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	word := func(from, to float64) []inference.Word {
		return []inference.Word{{Text: "a", Start: s(from), End: s(to)}}
	}
	for name, c := range map[string]struct {
		p    inference.Phrase
		want bool
	}{
		"a phrase":               {inference.Phrase{Text: "a", Start: s(1), End: s(3), Words: word(1, 2)}, true},
		"rounded beyond the end": {inference.Phrase{Text: "a", Start: s(9), End: s(10.9), Words: word(9, 11.8)}, true},
		"from the future":        {inference.Phrase{Text: "a", Start: s(9), End: s(11.5)}, false},
		"before the session":     {inference.Phrase{Text: "a", Start: -1, End: s(1)}, false},
		"ends before it begins":  {inference.Phrase{Text: "a", Start: s(2), End: s(1)}, false},
		"a word elsewhere":       {inference.Phrase{Text: "a", Start: s(5), End: s(6), Words: word(1, 2)}, false},
		"a word turned round":    {inference.Phrase{Text: "a", Start: s(1), End: s(3), Words: word(2, 1)}, false},
		"words in order":         {inference.Phrase{Text: "a b", Start: s(1), End: s(3), Words: append(word(1, 2), word(1.5, 3)...)}, true},
		"words out of order":     {inference.Phrase{Text: "a b", Start: s(1), End: s(3), Words: append(word(2, 3), word(1, 2)...)}, false},
		"certain by NaN":         {inference.Phrase{Text: "a", Start: s(1), End: s(3), Words: []inference.Word{{Text: "a", Start: s(1), End: s(2), Confidence: math.NaN()}}}, false},
		"more than certain":      {inference.Phrase{Text: "a", Start: s(1), End: s(3), Words: []inference.Word{{Text: "a", Start: s(1), End: s(2), Confidence: 1.5}}}, false},
		"a word of no text":      {inference.Phrase{Text: "a", Start: s(1), End: s(3), Words: []inference.Word{{Text: "\xff", Start: s(1), End: s(2)}}}, false},
		"a pitch of NaN":         {inference.Phrase{Text: "a", Start: s(1), End: s(3), Pitch: inference.Pitch{Median: math.NaN()}}, false},
		"no text":                {inference.Phrase{Text: "\xff", Start: s(1), End: s(3)}, false},
		"a book":                 {inference.Phrase{Text: strings.Repeat("a", spec.MaxText+1), Start: s(1), End: s(3)}, false},
	} {
		if err := plausible(c.p, now); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := plausible(inference.Phrase{Text: "a", Start: 1, End: s(90)}, s(100)); err == nil {
		t.Error("a phrase of 90 s was taken")
	}
}

// TestSlack: how long a phrase may be under way, by profile and D.
func TestSlack(t *testing.T) {
	for _, c := range []struct {
		profile spec.Profile
		delay   time.Duration
		want    time.Duration
	}{
		{spec.Sync, 4 * time.Second, 3 * time.Second},                // 4 + 2.5 late - .5 frozen - 3 spoken
		{spec.Live, 120 * time.Millisecond, 2300 * time.Millisecond}, // 4 - .2 frozen - 1.5 of a clause
		{spec.Sync, 0, 2 * time.Second},
	} {
		in := &Input{env: Env{Config: &spec.Config{Profile: c.profile, Delay: c.delay}}}
		if got := in.slack(); got != c.want {
			t.Errorf("%s, D = %v: %v, want %v", c.profile, c.delay, got, c.want)
		}
	}
}

// byEar is a recognizer that tells languages by ear, and its only stream.
type byEar struct {
	fake.Recognizer
	asked  [][]inference.Lang // which are in question, each time that it was told
	behind int                // calls of Flush until all is heard
	calls  int
}

func (*byEar) Languages() []inference.Lang { return []inference.Lang{"en", "fr", "es", inference.Auto} }

func (b *byEar) Open(_ context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	b.Choose(l.Among)
	return b, nil
}

func (b *byEar) Choose(among []inference.Lang) { b.asked = append(b.asked, among) }
func (b *byEar) Behind() bool                  { return b.behind > 0 }
func (b *byEar) Write(context.Context, media.Samples) ([]inference.Phrase, error) {
	return nil, nil
}

func (b *byEar) Flush(context.Context) ([]inference.Phrase, error) {
	b.behind--
	b.calls++
	return []inference.Phrase{{ID: b.calls, Lang: "fr", Text: "oui", Start: time.Second, End: 2 * time.Second, Final: true}}, nil
}

// asks is what hears of a source while targets change.
type asks struct {
	Out
	to   []inference.Lang
	told int
}

func (a *asks) Targets() []inference.Lang                               { return a.to }
func (a *asks) Phrase(context.Context, inference.Phrase, time.Duration) { a.told++ }

// TestByEar: other targets put other languages in question, and after a pause the
// stream is asked until all has been heard.
func TestByEar(t *testing.T) {
	ear, out := &byEar{behind: 3}, &asks{to: []inference.Lang{"es"}}
	engines := spec.Engines{Recognizer: ear, Synthesizer: &fake.Synthesizer{}, Translator: &fake.Translator{Directions: []inference.Pair{{From: "en", To: "es"}, {From: "fr", To: "ca"}}}}
	c := &spec.Config{From: inference.Auto, To: out.to, Profile: spec.Sync, Delay: 4 * time.Second}
	shared := work.NewShared(pace.NewVirtual(), slog.New(slog.DiscardHandler), nil)
	in := NewInput(Env{Shared: shared, Config: c, Engines: engines, Out: out})
	l := newListener(in)
	at := time.Duration(0)
	hear := func() {
		t.Helper()
		l.recognize(t.Context(), heard{sound: media.Samples{PTS: at, Rate: listenRate, Channels: 1, Data: make([]int16, listenRate/50)}, at: at})
		at += 20 * time.Millisecond
	}
	hear()
	hear()
	out.to = []inference.Lang{"ca"}
	hear()
	hear()
	want := [][]inference.Lang{{"en", "es"}, {"fr"}}
	if !slices.EqualFunc(ear.asked, want, slices.Equal[[]inference.Lang]) {
		t.Errorf("in question were %v, want %v", ear.asked, want)
	}
	l.flush(t.Context(), heard{pause: true, at: 10 * time.Second})
	if ear.calls != 3 || out.told != 3 {
		t.Errorf("%d calls, told of %d phrases", ear.calls, out.told)
	}
	l.close()
}
