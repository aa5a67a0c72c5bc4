package words

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"livedub/inference"
)

// TestSentences: forty in every language, in NFC, each once.
func TestSentences(t *testing.T) {
	for _, lang := range Languages {
		if len(texts[lang]) != 40 {
			t.Errorf("%s has %d sentences", lang, len(texts[lang]))
		}
		seen := map[string]bool{}
		for _, s := range texts[lang] {
			if s == "" || seen[s] || strings.TrimSpace(s) != s || !norm.NFC.IsNormalString(s) || !strings.ContainsAny(s[len(s)-1:], ".?!") {
				t.Errorf("%s: %q", lang, s)
			}
			if strings.ContainsAny(s, "0123456789") {
				t.Errorf("%s: %q has digits, which voices and recognizers write otherwise", lang, s)
			}
			seen[s] = true
		}
	}
	if len(texts) != len(Languages) {
		t.Errorf("sentences in %d languages, %d are named", len(texts), len(Languages))
	}
}

func TestWordsOf(t *testing.T) {
	for _, c := range []struct {
		lang       inference.Lang
		text, want string
	}{
		{"en", "The 15th, at 10 o'clock; K7, 12 years", "the fifteenth at ten o'clock k seven twelve years"},
		{"es", "20 minutos", "veinte minutos"},
		{"fr", "à 7h30", "à sept h trente"},
		{"de", "20 Minuten", "20 minuten"},
	} {
		if got := strings.Join(wordsOf(c.lang, c.text), " "); got != c.want {
			t.Errorf("%s: %q", c.lang, got)
		}
	}
}

// TestRoom: reflections and noise are there, as loud as they are told to be, and the same each time.
func TestRoom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var pcm []int16
	for i := range 4 * lowRate {
		v := 0.
		if i >= lowRate && i < 2*lowRate {
			v = 3000 * random.NormFloat64() // as broad as speech
		}
		pcm = append(pcm, int16(v))
	}
	in := room(pcm)
	if !slices.Equal(in, room(pcm)) {
		t.Error("the same sound twice comes out otherwise")
	}
	power := func(from, to float64) float64 {
		var sum float64
		part := in[int(from*lowRate):int(to*lowRate)]
		for _, v := range part {
			sum += float64(v) * float64(v)
		}
		return sum / float64(len(part))
	}
	voice, tail, noise := power(1.4, 2), power(2, 2.05), power(3, 4)
	if snr := 10 * math.Log10(voice/noise); snr < 13 || snr > 18 {
		t.Errorf("noise is %.1f dB below speech", snr)
	}
	if tail < 1.5*noise {
		t.Errorf("nothing sounds on: %.0f after speech, %.0f of noise", tail, noise)
	}
	if len(room(nil)) != 0 {
		t.Error("sound of nothing")
	}
}
