package kokoro

import (
	"math"
	"slices"
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/speak"
	"livedub/inference/speak/align"
)

// TestAlignment lays Kokoro's speech beside espeak-ng's of the same words, whose
// phonemes have exact times: what is found are the net's own durations. It holds
// the aligner, and that the net's sound leads its durations by what is taken off.
func TestAlignment(t *testing.T) {
	k := real(t)
	espeak := k.c.Phonemes.(*speak.Espeak)
	var sizes, offs []float64 // ms
	for lang, text := range map[inference.Lang]string{
		"es": "El gobierno anunció ayer nuevas medidas para reducir el precio de la electricidad.",
		"en": "Good morning, my brother has a red car and lives in a small house near the river.",
		"it": "Buongiorno, mio fratello ha una macchina rossa e vive in una piccola casa.",
		"pt": "Meu irmão mora em uma pequena casa perto do rio.",
	} {
		for _, g := range []inference.Gender{inference.Female, inference.Male} {
			s, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: text, Gender: g})
			if err != nil {
				t.Fatal(err)
			}
			ref, err := espeak.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: text, Gender: g, Fit: s.Sound.Duration()})
			if err != nil {
				t.Fatal(err)
			}
			marks, _, err := align.Align(ref, s.Sound)
			if err != nil {
				t.Fatal(err)
			}
			for _, off := range inferencetest.Offsets(s.Marks, marks) { // of those that both have
				sizes, offs = append(sizes, math.Abs(off)), append(offs, off)
			}
		}
	}
	slices.Sort(sizes)
	slices.Sort(offs)
	n := len(sizes)
	t.Logf("%d phonemes: off by %.0f ms in the median (%.0f at the 90th percentile), early by %.0f ms", n, sizes[n/2], sizes[n*9/10], -offs[n/2])
	if n < 250 || sizes[n/2] > 25 || math.Abs(offs[n/2]) > 15 {
		t.Errorf("of %d phonemes the median is off by %.0f ms, and early by %.0f ms", n, sizes[n/2], -offs[n/2])
	}
}
