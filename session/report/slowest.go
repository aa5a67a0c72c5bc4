package report

import (
	"time"

	"livedub/session/spec"
)

// Slowest tells which engine a phrase waited for longest.
type Slowest struct {
	Stage  string  `json:"stage"`  // "recognizer", "translator" or "voice"
	Engine string  `json:"engine"` // by its name in the settings; "" where it has none
	MS     float64 `json:"ms"`     // that it took, waiting behind other phrases included
}

// Longest returns the engine that a phrase waited for longest; nil where none
// took any time. What it waited between engines, behind other phrases, counts for
// the slower of translator and voice: phrases queue before that one.
func Longest(r spec.Record) *Slowest {
	stages := []Slowest{
		{"recognizer", r.Engines.Recognizer, ms(max(0, r.HeardAt-r.Phrase.End))},
		{"translator", r.Engines.Translator, ms(r.TranslateTook)},
		{"voice", r.Engines.Voice, ms(r.SpeakTook)},
	}
	slower := &stages[1]
	if r.SpeakTook >= r.TranslateTook {
		slower = &stages[2]
	}
	slower.MS += ms(max(time.Duration(0), r.ReadyAt-r.HeardAt-r.TranslateTook-r.SpeakTook))
	most := stages[0]
	for _, s := range stages[1:] {
		if s.MS > most.MS {
			most = s
		}
	}
	if most.MS <= 0 {
		return nil
	}
	return &most
}
