package report

import (
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

// TestLongest: the engine that a phrase waited for longest is named, with what it took and how long the phrase waited before it.
func TestLongest(t *testing.T) {
	s := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	names := spec.EngineNames{Recognizer: "whisper", Translator: "apertium", Voice: "kokoro"}
	for name, c := range map[string]struct {
		end, heard, ready float64 // of the phrase, when it was known, when its speech was there
		translate, speak  float64
		want              *Slowest
	}{
		"the recognizer":         {10, 11, 11.3, .1, .2, &Slowest{"recognizer", "whisper", 1000}},
		"the translator":         {10, 10.1, 11.5, 1.2, .2, &Slowest{"translator", "apertium", 1200}},
		"the voice":              {10, 10.4, 12.5, .1, 2, &Slowest{"voice", "kokoro", 2000}},
		"a queue for the voice":  {10, 10.4, 12, .1, .2, &Slowest{"voice", "kokoro", 1500}},
		"a translator that fell": {10, 10.4, 0, 2, 0, &Slowest{"translator", "apertium", 2000}},
		"nobody":                 {10, 10, 10, 0, 0, nil},
		"heard before its end":   {10, 9.8, 9.8, 0, 0, nil},
	} {
		got := Longest(spec.Record{
			Phrase: inference.Phrase{End: s(c.end)}, HeardAt: s(c.heard), ReadyAt: s(c.ready), TranslateTook: s(c.translate), SpeakTook: s(c.speak), Engines: names,
		})
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
