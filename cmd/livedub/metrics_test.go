package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference/fake"
	"livedub/inference/speak"
)

type sceptic struct{ *fake.Recognizer }

func (sceptic) Refused() uint64 { return 3 }

type ignorant struct{ *fake.Synthesizer }

func (ignorant) Lacking() uint64 { return 5 }

type illiterate struct{ *fake.Synthesizer }

func (illiterate) Unread() uint64 { return 7 }

// TestEngineMetrics: what engines left out is counted, 0 where they count nothing.
func TestEngineMetrics(t *testing.T) {
	for _, c := range []struct {
		e                        engines
		refused, lacking, unread float64
	}{
		{func() (e engines) {
			e.Recognizer, e.Synthesizer = sceptic{&fake.Recognizer{}}, speak.Chain{ignorant{&fake.Synthesizer{}}, illiterate{&fake.Synthesizer{}}}
			return e
		}(), 3, 5, 7},
		{func() (e engines) {
			e.Recognizer, e.Synthesizer = &fake.Recognizer{}, speak.Chain{&fake.Synthesizer{}}
			return e
		}(), 0, 0, 0},
		{func() (e engines) {
			e.Synthesizer = illiterate{&fake.Synthesizer{}}
			return e
		}(), 0, 0, 7},
		{engines{}, 0, 0, 0},
	} {
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(engineMetrics{&c.e})
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
		}
		if refused, ok := got["livedub_recognizer_refused_units_total"]; !ok || refused != c.refused {
			t.Errorf("refused: %v", got)
		}
		if lacking, ok := got["livedub_voice_lacking_symbols_total"]; !ok || lacking != c.lacking {
			t.Errorf("lacking: %v", got)
		}
		if unread, ok := got["livedub_voice_unread_letters_total"]; !ok || unread != c.unread {
			t.Errorf("unread: %v", got)
		}
	}
}
