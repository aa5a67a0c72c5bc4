package piper

import (
	"math"
	"os"
	"slices"
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/speak/align"
	"livedub/internal/testkit/groundtest"
)

// TestRealVoices speaks by an operator's own voices, which LIVEDUB_PIPER names as
// speak.model does, and lays the marks beside espeak-ng's.
func TestRealVoices(t *testing.T) {
	path := os.Getenv("LIVEDUB_PIPER")
	if path == "" {
		groundtest.Skip(t, "no Piper voice: name a voice's .onnx, or a folder of them, in LIVEDUB_PIPER")
	}
	texts := map[inference.Lang]string{
		"ca": "El govern va anunciar ahir noves mesures per reduir el preu de l'electricitat.",
		"de": "Die Regierung hat gestern neue Maßnahmen angekündigt, um den Strompreis zu senken.",
		"en": "Good morning, my brother has a red car and lives in a small house near the river.",
		"es": "El gobierno anunció ayer nuevas medidas para reducir el precio de la electricidad.",
		"fr": "Le gouvernement a annoncé hier de nouvelles mesures pour réduire le prix.",
		"it": "Buongiorno, mio fratello ha una macchina rossa e vive in una piccola casa.",
		"pt": "Meu irmão mora em uma pequena casa perto do rio.",
	}
	p := piper(t, path)
	if !p.Exact() {
		t.Error("a voice tells no durations: its marks are found by alignment")
	}
	for _, lang := range p.Languages() {
		text := texts[lang]
		if text == "" {
			t.Logf("%s: no text to try it with", lang)
			continue
		}
		var sizes, offs []float64 // ms
		for _, sp := range p.speakers[lang] {
			for range 4 { // each sounds otherwise
				s, err := p.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: text, Pitch: inference.Pitch{Median: sp.pitch}})
				if err != nil {
					t.Fatal(err)
				}
				inferencetest.Speech(t, s)
				marks, _, err := align.By(t.Context(), p.c.Reference, inference.SpeechRequest{Lang: lang, Text: text}, s.Sound)
				if err != nil {
					t.Fatal(err)
				}
				for _, off := range inferencetest.Offsets(s.Marks, marks) { // of those that both have
					sizes, offs = append(sizes, math.Abs(off)), append(offs, off)
				}
			}
			t.Logf("%s %s: %.0f Hz", lang, sp.name, sp.pitch)
		}
		slices.Sort(sizes)
		slices.Sort(offs)
		n := len(sizes)
		if n < 50 {
			t.Fatalf("%s: %d phonemes", lang, n)
		}
		t.Logf("%s: %d phonemes: off by %.0f ms in the median (%.0f at the 90th percentile), late by %.0f ms; %d symbols lacking", lang, n, sizes[n/2], sizes[n*9/10], offs[n/2], p.Lacking())
		if sizes[n/2] > 60 || math.Abs(offs[n/2]) > 25 {
			t.Errorf("%s: off by %.0f ms in the median, late by %.0f ms", lang, sizes[n/2], offs[n/2])
		}
		inferencetest.TestSynthesizer(t, func(t *testing.T) inference.Synthesizer {
			p := piper(t, path)
			for _, n := range p.nets {
				n.Info.NoiseW = 0 // the same text lasts as long each time
			}
			return p
		}, lang, text)
	}
}
