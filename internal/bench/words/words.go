// Package words measures how well words come through the engines: chrF of
// translations of everyday sentences, word errors of recognizers on speech of
// several voices, and of voices as a recognizer understands them.
package words

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"livedub/inference"
	"livedub/internal/grades"
	"livedub/media"
)

// Recognizer is one that is measured.
type Recognizer struct {
	Name   string
	Engine inference.Recognizer
}

// Voice is one that is measured.
type Voice struct {
	Name   string
	Robot  bool // no natural voice: recognizers understand it worse than people do
	Engine inference.Synthesizer
	// CPU is what processes of others have used for it; nil: what the engine tells itself.
	CPU func() time.Duration
}

// Translator is what is measured.
type Translator struct {
	Name   string
	Engine inference.Translator
}

// Recording is speech of a person: mono sound of 16 kHz, and what is said in it.
type Recording struct {
	Lang  inference.Lang
	Text  string
	Sound media.Samples
}

// Config says what is measured. Engines stay the caller's.
type Config struct {
	Translators []Translator // the preferred first
	Recognizers []Recognizer // likewise; the first that has a language judges its voices
	Voices      []Voice      // likewise
	Recordings  []Recording
	Pairs       []inference.Pair // nil: all
	Sentences   int              // of each language, from the first on; 0: all
	// Low brings sound of any rate to mono of 16 kHz.
	Low func(media.Samples) (media.Samples, error)
	// Say hears how far it is; Misheard every sentence that was not understood whole. Neither may be nil.
	Say      func(what string)
	Misheard func(by, lang, said, heard string)
}

// Measure measures all that c names, one after the other: nothing else should
// work in this process meanwhile. An engine that fails in a language is left out
// there, with the reason in Skipped; the error is ctx's, or tells that there is
// nothing to measure.
func Measure(ctx context.Context, c Config) (grades.Results, error) {
	if c.Sentences <= 0 || c.Sentences > len(texts["en"]) {
		c.Sentences = len(texts["en"])
	}
	m := &measuring{Config: c}
	m.out = grades.Results{Sentences: c.Sentences, Pairs: []grades.Pair{}, Recognizers: []grades.Recognizer{}, Voices: []grades.Voice{}}
	for _, t := range c.Translators {
		if err := m.translator(ctx, t); err != nil {
			return m.out, err
		}
	}
	for _, p := range c.Pairs {
		if !slices.ContainsFunc(m.out.Pairs, func(o grades.Pair) bool { return o.From == string(p.From) && o.To == string(p.To) }) {
			m.skip(p.String(), errors.New("no translator here has this pair with sentences in both languages"))
		}
	}
	for _, v := range c.Voices {
		for _, lang := range m.langs() {
			if !slices.Contains(v.Engine.Languages(), lang) {
				continue
			}
			if err := m.voice(ctx, v, lang); err != nil {
				return m.out, err
			}
		}
	}
	if err := m.recordings(ctx); err != nil {
		return m.out, err
	}
	if len(m.out.Pairs)+len(m.out.Recognizers)+len(m.out.Voices) == 0 {
		return m.out, fmt.Errorf("nothing to measure: no engine here has any of the languages %v", Languages)
	}
	m.grade()
	return m.out, nil
}

// measuring is a measurement under way.
type measuring struct {
	Config
	out grades.Results
}

func (m *measuring) skip(what string, why error) {
	m.out.Skipped = append(m.out.Skipped, grades.Skipped{What: what, Why: strings.Join(strings.Fields(why.Error()), " ")})
}

// langs returns the languages to be heard and spoken.
func (m *measuring) langs() []inference.Lang {
	if m.Pairs == nil {
		return Languages
	}
	var out []inference.Lang
	for _, l := range Languages {
		if slices.ContainsFunc(m.Pairs, func(p inference.Pair) bool { return p.From == l || p.To == l }) {
			out = append(out, l)
		}
	}
	return out
}

// grade names each pair's engines, and tells how good they are together.
func (m *measuring) grade() {
	for i := range m.out.Pairs {
		p := &m.out.Pairs[i]
		for _, r := range m.Recognizers {
			if slices.Contains(r.Engine.Languages(), inference.Lang(p.From)) {
				p.Engines.Recognizer = r.Name
				break
			}
		}
		for _, v := range m.Voices {
			if slices.Contains(v.Engine.Languages(), inference.Lang(p.To)) {
				p.Engines.Voice = v.Name
				break
			}
		}
		p.Grade, p.Why = m.out.Grade(p.From, p.To, p.Engines)
	}
}

// meter reads the CPU time of this process and of an engine's own processes.
type meter struct{ others func() time.Duration }

// of returns the meter of an engine.
func of(engine any, others func() time.Duration) meter {
	if c, ok := engine.(inference.Coster); ok && others == nil {
		others = c.CPU
	}
	return meter{others}
}

func (m meter) read() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0 // only for an unknown who or a bad address
	}
	sum := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if m.others != nil {
		sum += m.others()
	}
	return sum
}

// median returns the middle of some times in ms; 0 of none.
func median(times []time.Duration) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return round(float64(times[len(times)/2])/1e6, 1)
}
