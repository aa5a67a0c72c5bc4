// Package grades says how good the engines of a pair of languages are, by what
// `livedub bench words` measured of them: measured.json, which is in the program.
package grades

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Grades, the best first. NotMeasured is none of them.
const (
	Good        = "good"
	Usable      = "usable"
	Rough       = "rough"
	NotMeasured = "not measured"
)

// How speech came to a recognizer: Clean, as it was recorded or synthesised, or
// Room, with a room's reflections and noise. People are who speaks in recordings.
const (
	Clean  = "clean"
	Room   = "room"
	People = "people"
)

// What a part must reach for its grade (docs/decisions/0037-measured-grades.md).
const (
	goodChrF, usableChrF = 75, 60   // at least; of 100
	goodWER, usableWER   = .10, .25 // at most
)

// Results is what `livedub bench words` measured.
type Results struct {
	Date        string            `json:"date"` // year-month-day
	Machine     string            `json:"machine"`
	Sentences   int               `json:"sentences"`
	Versions    map[string]string `json:"versions"` // by engine
	Pairs       []Pair            `json:"pairs"`
	Recognizers []Recognizer      `json:"recognizers"`
	Voices      []Voice           `json:"voices"`
	Skipped     []Skipped         `json:"skipped"`
}

// Engines are the parts of a pair, by the names that results have.
type Engines struct {
	Recognizer string `json:"recognizer"`
	Translator string `json:"translator"`
	Voice      string `json:"voice"`
}

// String returns the names, with a dash for a part that there is not.
func (e Engines) String() string {
	names := []string{e.Recognizer, e.Translator, e.Voice}
	for i, n := range names {
		if n == "" {
			names[i] = "-"
		}
	}
	return strings.Join(names, ", ")
}

// Pair is a direction, and how good its translation is.
type Pair struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Engines Engines `json:"engines"`
	ChrF    float64 `json:"chrf"` // of the translation, 0 to 100
	// ChrFLow and ChrFHigh are where chrF lies with other sentences of the kind, 95 times of 100.
	ChrFLow  float64 `json:"chrf_low"`
	ChrFHigh float64 `json:"chrf_high"`
	Grade    string  `json:"grade"`
	Why      string  `json:"why"`
	MS       float64 `json:"ms"`     // a sentence, the median
	CPUMS    float64 `json:"cpu_ms"` // a sentence
}

// Recognizer is how well one hears one language, spoken by one voice.
type Recognizer struct {
	Name          string  `json:"name"`
	Lang          string  `json:"lang"`
	SpokenBy      string  `json:"spoken_by"` // a voice, or People
	Robot         bool    `json:"robot"`     // the voice is no natural one
	Sound         string  `json:"sound"`     // Clean or Room
	WER           float64 `json:"wer"`       // word error rate; may pass 1
	Words         int     `json:"words"`     // that were said
	Substitutions int     `json:"substitutions"`
	Insertions    int     `json:"insertions"`
	Deletions     int     `json:"deletions"`
	SpeechS       float64 `json:"speech_s"`
	CPUX          float64 `json:"cpu_x"` // seconds of CPU a second of speech
}

// Voice is how well a recognizer understands one voice in one language.
type Voice struct {
	Name       string   `json:"name"`
	Lang       string   `json:"lang"`
	WERByOther *float64 `json:"wer_by_other"` // nil where no recognizer has the language
	Listener   string   `json:"listener,omitempty"`
	Robot      bool     `json:"robot"`
	SpeechS    float64  `json:"speech_s"`
	CPUX       float64  `json:"cpu_x"`
	FirstMS    float64  `json:"first_ms"` // from the request to the first sample, the median
}

// Skipped is what was not measured, and why.
type Skipped struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

//go:embed measured.json
var measured []byte

// Measured returns the results that are in the program.
var Measured = sync.OnceValue(func() Results {
	var r Results
	if err := json.Unmarshal(measured, &r); err != nil {
		panic("internal/grades: measured.json: " + err.Error()) // TestMeasured reads it
	}
	return r
})

// part is the grade of one part, and what was measured of it.
type part struct{ grade, why string }

// Grade returns the grade of a pair's weakest part, and the reason in words for
// people. A part that was not measured leaves the grade open, unless another is
// rough: worse there is none.
func (r Results) Grade(from, to string, e Engines) (grade, why string) {
	parts := []part{r.recognition(from, e.Recognizer), r.translation(from, to, e.Translator), r.voice(to, e.Voice)}
	has := func(g string) bool { return slices.ContainsFunc(parts, func(p part) bool { return p.grade == g }) }
	grade = Good
	switch {
	case has(Rough):
		grade = Rough
	case has(NotMeasured):
		grade = NotMeasured
	case has(Usable):
		grade = Usable
	}
	var reasons []string
	for _, p := range parts {
		if p.grade == grade {
			reasons = append(reasons, p.why)
		}
	}
	return grade, strings.Join(reasons, "; ")
}

func (r Results) recognition(lang, name string) part {
	var with *Recognizer
	for i, m := range r.Recognizers {
		if m.Name == name && m.Lang == lang && (m.SpokenBy == People || m.Sound == Room) && (with == nil || m.SpokenBy == People) {
			with = &r.Recognizers[i]
		}
	}
	if with == nil {
		return part{NotMeasured, fmt.Sprintf("recognition of %s by %s was not measured on a natural voice", lang, shown(name))}
	}
	where := "spoken in a room"
	if with.SpokenBy == People {
		where = "people said"
	}
	return part{byWER(with.WER), fmt.Sprintf("the recognizer mishears %s of the words %s", percent(with.WER), where)}
}

func (r Results) translation(from, to, name string) part {
	for _, m := range r.Pairs {
		if m.From == from && m.To == to && m.Engines.Translator == name {
			grade := Rough
			if m.ChrF >= usableChrF {
				grade = Usable
			}
			if m.ChrF >= goodChrF {
				grade = Good
			}
			return part{grade, fmt.Sprintf("the translation agrees with a person's by %.1f of 100 (chrF)", m.ChrF)}
		}
	}
	return part{NotMeasured, fmt.Sprintf("translation by %s was not measured", shown(name))}
}

func (r Results) voice(lang, name string) part {
	for _, m := range r.Voices {
		switch {
		case m.Name != name || m.Lang != lang || m.WERByOther == nil:
		case m.Robot:
			// Recognizers learned from people: what they miss of such a voice does not
			// tell what people miss.
			return part{Usable, "a robot's voice, of which a recognizer misses " + percent(*m.WERByOther) + " of the words"}
		default:
			return part{byWER(*m.WERByOther), "the voice is understood with " + percent(*m.WERByOther) + " word errors"}
		}
	}
	return part{NotMeasured, fmt.Sprintf("speech in %s by %s was not measured", lang, shown(name))}
}

// shown returns an engine's name for people.
func shown(name string) string {
	switch name {
	case "openai":
		return "a server of OpenAI's protocol"
	case "":
		return "nobody"
	}
	return name
}

func byWER(rate float64) string {
	switch {
	case rate <= goodWER:
		return Good
	case rate <= usableWER:
		return Usable
	}
	return Rough
}

func percent(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }
