// Package report tells what a session did: figures for machines, captions for
// viewers, a frame for whoever asks "why late?", and a check of the written
// file against the plan.
package report

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

// Report is report.json. Times are seconds on the output timeline, whose zero
// is the source's zero: the delay D is not in them.
type Report struct {
	From      inference.Lang                   `json:"from"`
	To        []inference.Lang                 `json:"to"`
	Profile   spec.Profile                     `json:"profile"`
	DelayMS   float64                          `json:"delay_ms"`
	Consent   Consent                          `json:"consent"`
	Badge     bool                             `json:"badge"` // every re-rendered frame carries it
	Clock     string                           `json:"clock"` // "wall": engines' own time counts in late_ms; "virtual": it does not
	Phrases   []Phrase                         `json:"phrases"`
	Frames    map[inference.Lang]Frames        `json:"frames"`
	Ladder    map[inference.Lang]Ladder        `json:"ladder"`
	Loudness  map[inference.Lang]spec.Loudness `json:"loudness,omitempty"` // of the dubs that were leveled
	AVOffset  Offset                           `json:"av_offset_ms"`
	Span      Span                             `json:"ear_voice_span_ms"`
	Late      Span                             `json:"late_ms"`
	StageCPU  map[string]float64               `json:"stage_cpu_ms"`
	Failures  map[string]int                   `json:"failures"`
	Warnings  []string                         `json:"warnings"`
	WallS     float64                          `json:"wall_s"`
	MediaS    float64                          `json:"media_s"`
	PeakRSSMB float64                          `json:"peak_rss_mb"` // of this process and its workers, each at its own peak
	PeakMemMB float64                          `json:"peak_mem_mb"` // likewise, pages that several share counted once
}

// Consent is the speaker's, as it was recorded.
type Consent struct {
	Given bool       `json:"given"`
	At    *time.Time `json:"at"` // null where none was given
}

// Phrase is one phrase in one dub. What never sounded has no dub times.
type Phrase struct {
	ID          int            `json:"id"`
	Lang        inference.Lang `json:"lang"`
	SourceLang  inference.Lang `json:"source_lang"`
	SourceText  string         `json:"source_text"`
	Text        string         `json:"text"`
	SourceStart float64        `json:"source_start"`
	SourceEnd   float64        `json:"source_end"`
	DubStart    *float64       `json:"dub_start"`
	DubEnd      *float64       `json:"dub_end"`
	LateMS      *float64       `json:"late_ms"`
	Rate        float64        `json:"rate"`
	Voice       string         `json:"voice"`
	Fate        spec.Outcome   `json:"fate"`
	Error       string         `json:"error,omitempty"`
	Marks       []Mark         `json:"marks"`
	Steps       Steps          `json:"steps"`

	Engines spec.EngineNames `json:"engines"`           // that heard, translated and spoke it
	Slowest *Slowest         `json:"slowest,omitempty"` // which of them it waited for longest
}

// Mark is one phoneme; At is relative to DubStart.
type Mark struct {
	IPA    string  `json:"ipa"`
	Viseme string  `json:"viseme"`
	At     float64 `json:"at"`
	Dur    float64 `json:"dur"`
}

// Steps tells how a phrase came to be heard: when it was known and placed, in
// seconds of session time (the source's own clock), and how long the engines took.
type Steps struct {
	HeardAt     float64 `json:"heard_at"`
	ReadyAt     float64 `json:"ready_at"`
	TranslateMS float64 `json:"translate_ms"`
	SpeakMS     float64 `json:"speak_ms"`
}

// Frames counts frames: in = out + dropped, out = lips + untouched, lips = own + warp + net.
type Frames struct {
	In        int `json:"in"`
	Out       int `json:"out"`
	Own       int `json:"own"`
	Warp      int `json:"warp"`
	Net       int `json:"net"`
	Untouched int `json:"untouched"`
	Dropped   int `json:"dropped"`
}

// Ladder tells where a dub ended on the quality ladder, why not higher where
// that is known, and how often it came to each step.
type Ladder struct {
	Level   spec.Level         `json:"level"`
	Why     string             `json:"why,omitempty"`
	Lips    spec.LipsState     `json:"lips"`
	Steps   map[spec.Level]int `json:"steps"`
	Retries int                `json:"retries"`
	Missed  int                `json:"terms_missed"` // of the glossary, by translations
}

// Offset is audio against video in milliseconds, positive where the sound is
// late; null without measurements.
type Offset struct {
	P1      *float64 `json:"p1"`
	P50     *float64 `json:"p50"`
	P99     *float64 `json:"p99"` // of the magnitude
	Samples int      `json:"samples"`
}

// Span holds percentiles in milliseconds; null without measurements.
type Span struct {
	P50     *float64 `json:"p50"`
	P95     *float64 `json:"p95"`
	Samples int      `json:"samples"`
}

// Build fills a report from what a session did. What is measured elsewhere
// (offset, wall time, memory, engines' CPU) is the caller's to add.
func Build(cfg spec.Config, st spec.State) *Report {
	r := &Report{
		From: cfg.From, To: cfg.To, Profile: cfg.Profile, DelayMS: ms(cfg.Delay),
		Phrases: []Phrase{}, Frames: map[inference.Lang]Frames{}, Ladder: map[inference.Lang]Ladder{},
		Loudness: map[inference.Lang]spec.Loudness{}, StageCPU: map[string]float64{}, Failures: st.Failures, Warnings: []string{}, MediaS: sec(st.Ended), Badge: st.Badge,
	}
	if r.Consent.Given = st.Consent.Given; r.Consent.Given {
		r.Consent.At = &st.Consent.At
	}
	for stage, d := range st.CPU {
		r.StageCPU[stage] = ms(d)
	}
	var late, span []float64
	for _, d := range st.Dubs {
		r.Frames[d.Lang] = Frames(d.Frames)
		r.Ladder[d.Lang] = Ladder{d.Level, d.Why, d.Lips, d.Steps, d.Retries, d.Missed}
		if l := d.Loudness.Live; l != nil {
			r.Loudness[d.Lang] = *l
		}
		for _, rec := range d.Records {
			r.Phrases = append(r.Phrases, phrase(d.Lang, rec))
			if rec.Outcome == spec.Played {
				late = append(late, ms(rec.Late))
				span = append(span, earVoice(rec, cfg.Delay)...)
			}
		}
	}
	slices.SortStableFunc(r.Phrases, func(a, b Phrase) int { return a.ID - b.ID })
	r.Late = spanOf(late)
	r.Span = spanOf(span)
	return r
}

func phrase(lang inference.Lang, rec spec.Record) Phrase {
	p := Phrase{
		ID: rec.Phrase.ID, Lang: lang, SourceLang: rec.Phrase.Lang, SourceText: rec.Phrase.Text, Text: rec.Text,
		SourceStart: sec(rec.Phrase.Start), SourceEnd: sec(rec.Phrase.End),
		Rate: rec.Rate, Voice: rec.Voice, Fate: rec.Outcome, Error: rec.Err, Marks: []Mark{},
		Engines: rec.Engines, Slowest: Longest(rec),
		Steps: Steps{sec(rec.HeardAt), sec(rec.ReadyAt), ms(rec.TranslateTook), ms(rec.SpeakTook)},
	}
	if rec.Outcome == spec.Played {
		start, end, late := sec(rec.DubStart), sec(rec.DubEnd), ms(rec.Late)
		p.DubStart, p.DubEnd, p.LateMS = &start, &end, &late
	}
	for _, m := range rec.Marks {
		p.Marks = append(p.Marks, Mark{m.IPA, m.Viseme.String(), sec(m.At), sec(m.Dur)})
	}
	return p
}

// earVoice returns, for each dubbed word, its onset at our output less the end
// of the source word that has the same relative place in the unit, in ms. The
// session's clock runs through: D is in it.
func earVoice(rec spec.Record, delay time.Duration) []float64 {
	var out []float64
	n, m := len(rec.Words), len(rec.Phrase.Words)
	if m == 0 {
		return nil
	}
	for i, w := range rec.Words {
		source := rec.Phrase.Words[(2*i+1)*m/(2*n)]
		out = append(out, ms(rec.DubStart+delay+w.Start-source.End))
	}
	return out
}

// Write writes the report as indented JSON.
func (r *Report) Write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func spanOf(v []float64) Span {
	return Span{percentile(v, 50), percentile(v, 95), len(v)}
}

// percentile returns the nearest-rank percentile of v, nil for none.
func percentile(v []float64, p float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	s := slices.Sorted(slices.Values(v))
	x := s[max(0, int(math.Ceil(p/100*float64(len(s))))-1)]
	return &x
}

func sec(d time.Duration) float64 { return round(d.Seconds(), 6) }
func ms(d time.Duration) float64  { return round(float64(d)/1e6, 3) }

func round(v float64, digits int) float64 {
	f := math.Pow10(digits)
	return math.Round(v*f) / f
}

// Read reads what Write wrote.
func Read(path string) (*Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	return r, json.Unmarshal(b, r)
}

// ReadyMedian returns the median time from a phrase's end to its dub's being
// ready to sound, in ms, nil where nothing was dubbed. It means something by the wall's clock only.
func (r *Report) ReadyMedian() *float64 {
	var v []float64
	for _, p := range r.Phrases {
		if p.Fate == spec.Played {
			v = append(v, (p.Steps.ReadyAt-p.SourceEnd)*1000)
		}
	}
	return percentile(v, 50)
}
