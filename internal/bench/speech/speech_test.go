package speech

import (
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/inference/speak"
	"livedub/internal/bench/words/score"
	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
)

func talk(t *testing.T, long time.Duration) *Talk {
	t.Helper()
	voice, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer voice.Close()
	talk, err := NewTalk(t.Context(), voice, long)
	if err != nil {
		t.Fatal(err)
	}
	return talk
}

// TestNothingLost: with a recognizer that knows the talk, every policy hands on
// each of its words once, in order, though units are cut within sentences.
func TestNothingLost(t *testing.T) {
	talk := talk(t, 70*time.Second)
	dec, err := codec.NewAudioDecoder(talk.track)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	low := codec.NewResampler(hearRate, 1)
	defer low.Close()
	var sound []media.Samples
	for _, p := range talk.packets {
		loud, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range loud {
			s, err := low.Resample(s)
			if err != nil {
				t.Fatal(err)
			}
			sound = append(sound, s)
		}
	}
	var script []string
	for _, s := range talk.Sentences {
		script = append(script, score.Words(s.Text)...)
	}
	longest := map[inference.Policy]time.Duration{}
	for _, policy := range inference.Policies {
		s, err := (&instant{talk.Lang, talk.words()}).Open(t.Context(), inference.Listening{Lang: talk.Lang, Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		var heard []string
		last := 0
		for _, in := range sound {
			ps, err := s.Write(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range ps {
				if !p.Final {
					continue
				}
				heard = append(heard, score.Words(p.Text)...)
				longest[policy] = max(longest[policy], p.End-p.Start)
				if p.ID != last+1 {
					t.Errorf("%s: phrase %d after %d", policy, p.ID, last)
				}
				last = p.ID
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if e := score.WordErrors(script, heard); e.Total() > 0 {
			t.Errorf("%s: %+v: %s", policy, e, strings.Join(heard, " "))
		}
	}
	if u, a := longest[inference.UnitPolicy], longest[inference.LocalAgreement]; a > 2*time.Second || u < 2500*time.Millisecond {
		t.Errorf("the longest phrase has %v by agreement, %v by units", a, u)
	}
}

// TestMeasure: figures of phrases whose lags are known.
func TestMeasure(t *testing.T) {
	s := time.Second
	words := func(text string, at ...time.Duration) (out []inference.Word) {
		for i, w := range strings.Fields(text) {
			out = append(out, inference.Word{Text: w, Start: at[i], End: at[i] + s/2})
		}
		return out
	}
	talk := &Talk{Sentences: []Sentence{{Text: "uno dos.", Words: words("uno dos", 1*s, 2*s)}, {Text: "seis seis", Words: words("seis seis", 4*s, 5*s)}}}
	start := 10 * s
	played := func(text, dub string, begins time.Duration, at ...time.Duration) spec.Record {
		w := words(text, at...)
		for i := range w {
			w[i].Start, w[i].End = w[i].Start+start, w[i].End+start
		}
		begins += start - spec.Live.DefaultDelay()
		return spec.Record{
			Phrase: inference.Phrase{Text: text, Words: w, Start: w[0].Start, End: w[len(w)-1].End}, Text: dub, Outcome: spec.Played,
			DubStart: begins, DubEnd: begins + 2*s, Words: words(dub, 0, s),
		}
	}
	lost := played("seis seis", "", 0, 4*s, 5*s)
	lost.Outcome = spec.SkippedLate
	for name, c := range map[string]struct {
		records []spec.Record
		want    Result
	}{
		"all said 2 s later": {
			[]spec.Record{played("uno dos", "um dois", 3*s, 1*s, 2*s), played("seis seis", "seis seis", 6*s, 4*s, 5*s)},
			Result{Span: Span{2000, 2000}, LAAL: 2000, ChrF: 100, Phrases: 2},
		},
		"one is skipped": {
			[]spec.Record{played("uno dos", "um dois", 3*s, 1*s, 2*s), lost},
			Result{Span: Span{2000, 2000}, LAAL: 2000, SkippedPct: 50, Phrases: 2, ChrF: -1},
		},
		"a word is said again": {
			[]spec.Record{played("uno dos", "um dois", 3*s, 1*s, 2*s), played("dos seis", "dois seis", 6*s, 4*s, 5*s)},
			Result{Span: Span{2000, 2000}, LAAL: 2000, Erasure: .25, MissedPct: 25, Phrases: 2, ChrF: -1},
		},
	} {
		var r Result
		r.measure(talk, c.records, start, []string{"Um dois.", "Seis seis."})
		if c.want.ChrF < 0 { // less than all of it
			if r.ChrF < 20 || r.ChrF > 95 {
				t.Errorf("%s: chrF %.1f", name, r.ChrF)
			}
			r.ChrF = -1
		}
		if r != c.want {
			t.Errorf("%s: %+v, want %+v", name, r, c.want)
		}
	}
}

// TestRun: a session in real time with fakes, from talk to figures.
func TestRun(t *testing.T) {
	talk := talk(t, 3*time.Second)
	r, err := Run(t.Context(), talk, "ca", inference.LocalAgreement, "instant", spec.Engines{Translator: &fake.Translator{Directions: []inference.Pair{{From: "es", To: "ca"}}}, Synthesizer: &fake.Synthesizer{}})
	if err != nil || r.Phrases == 0 || r.Span.P50 <= 0 || r.Span.P95 < r.Span.P50 {
		t.Errorf("%+v, %v", r, err)
	}
}
