package audio

import (
	"math"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/spec"
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
