package align

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/speak"
	"livedub/media"
)

func espeak(t *testing.T) *speak.Espeak {
	t.Helper()
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestAnotherVoice aligns a woman's voice by a man's of the same words at another
// speed: her phonemes' times are known.
func TestAnotherVoice(t *testing.T) {
	e := espeak(t)
	var sizes []float64 // ms
	for lang, text := range map[inference.Lang]string{
		"es": "El gobierno anunció ayer nuevas medidas para reducir el precio.",
		"en": "Good morning, my brother has a red car near the river.",
		"fr": "Bonjour, mon frère a une voiture rouge et une petite maison.",
		"ko": "안녕하세요 오늘은 날씨가 아주 좋습니다.",
	} {
		ref, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: text, Gender: inference.Male})
		if err != nil {
			t.Fatal(err)
		}
		for _, tempo := range []float64{.92, 1.25} {
			s, err := e.Speak(t.Context(), inference.SpeechRequest{Lang: lang, Text: text, Gender: inference.Female, Fit: time.Duration(float64(ref.Sound.Duration()) / tempo)})
			if err != nil {
				t.Fatal(err)
			}
			marks, words, err := Align(ref, s.Sound)
			if err != nil {
				t.Fatal(err)
			}
			inferencetest.Speech(t, inference.Speech{Sound: s.Sound, Marks: marks, Words: words, Rate: 1, Voice: "x"})
			if len(words) != len(s.Words) {
				t.Fatalf("%s: %d words of %d", lang, len(words), len(s.Words))
			}
			for i, m := range marks {
				if i < len(s.Marks) && s.Marks[i].IPA == m.IPA {
					sizes = append(sizes, math.Abs((s.Marks[i].At-m.At).Seconds()*1000))
				}
			}
		}
	}
	slices.Sort(sizes)
	n := len(sizes)
	t.Logf("%d phonemes: off by %.0f ms in the median, %.0f at the 90th percentile", n, sizes[n/2], sizes[n*9/10])
	if n < 200 || sizes[n/2] > 15 || sizes[n*9/10] > 60 {
		t.Errorf("%d phonemes: off by %.0f ms in the median, %.0f at the 90th percentile", n, sizes[n/2], sizes[n*9/10])
	}
}

// TestOddSounds: what cannot be the same words is refused; all else has marks from end to end.
func TestOddSounds(t *testing.T) {
	ref, err := espeak(t).Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "hola mi amigo"})
	if err != nil {
		t.Fatal(err)
	}
	length := ref.Sound.Duration()
	of := func(d time.Duration, rate int) media.Samples {
		return media.Samples{Rate: rate, Channels: 1, Data: make([]int16, media.TimeToSamples(d, rate))}
	}
	for name, s := range map[string]media.Samples{
		"nothing": {Rate: 24000, Channels: 1}, "stereo": {Rate: 24000, Channels: 2, Data: make([]int16, 48000)},
		"far too short": of(length/4, 24000), "far too long": of(4*length, 24000), "a minute and more": of(61*time.Second, 8000),
	} {
		if _, _, err := Align(ref, s); !errors.Is(err, ErrUnlike) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]media.Samples{"silence": of(length, 24000), "another rate": of(length, 8000), "half as long": of(length/2, 48000)} {
		marks, _, err := Align(ref, s)
		if err != nil || len(marks) == 0 {
			t.Errorf("%s: %d marks, %v", name, len(marks), err)
			continue
		}
		at := time.Duration(0)
		for _, m := range marks {
			if m.At != at || m.Dur <= 0 {
				t.Errorf("%s: a mark at %v for %v, want %v", name, m.At, m.Dur, at)
			}
			at += m.Dur
		}
		if at != s.Duration() {
			t.Errorf("%s: marks end at %v, the sound at %v", name, at, s.Duration())
		}
	}
}
