package kokoro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"livedub/inference"
)

const (
	styleSize = 256
	styleRows = 510 // one for each number of tokens
)

// style is one voice: a row of numbers for each length of text.
type style []float32

// row returns the numbers for so many tokens.
func (s style) row(tokens int) []float32 {
	i := min(max(tokens, 0), styleRows-1) * styleSize
	return s[i : i+styleSize]
}

// speaker is who speaks a language, and how espeak-ng calls its accent.
type speaker struct{ accent, female, male string }

// speakers are those that were understood best of each language (docs/INFERENCE.md).
// Japanese and Chinese are left out: espeak-ng does not read their script.
var speakers = map[inference.Lang]speaker{
	"en": {"en-us", "af_heart", "am_michael"},
	"es": {"es", "ef_dora", "em_alex"},
	"fr": {"fr-fr", "ff_siwis", ""},
	"it": {"it", "if_sara", "im_nicola"},
	"pt": {"pt-br", "pf_dora", "pm_alex"},
	"hi": {"hi", "hf_alpha", "hm_omega"},
}

// divide is the median pitch, in Hz, from which a person of unknown gender gets the female voice.
const divide = 155

// choose returns the accent and the voice for a request; false for a language without.
func (k *Kokoro) choose(r inference.SpeechRequest) (accent, voice string, ok bool) {
	s, ok := speakers[r.Lang]
	if !ok {
		return "", "", false
	}
	first, second := s.male, s.female
	if r.Gender == inference.Female || r.Gender == inference.Unspecified && r.Pitch.Median >= divide {
		first, second = second, first
	}
	for _, v := range []string{first, second} {
		if k.voices[v] != nil {
			return s.accent, v, true
		}
	}
	return "", "", false
}

// readStyles reads the voices of a folder.
func readStyles(dir string) (map[string]style, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "voices", "*.bin"))
	if err != nil {
		return nil, err
	}
	out := map[string]style{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if len(b) != 4*styleRows*styleSize {
			return nil, fmt.Errorf("%s has %d bytes, a voice %d: pull kokoro again", path, len(b), 4*styleRows*styleSize)
		}
		s := make(style, styleRows*styleSize)
		for i := range s {
			s[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			if math.IsNaN(float64(s[i])) || math.IsInf(float64(s[i]), 0) {
				return nil, fmt.Errorf("%s holds what is no number: pull kokoro again", path)
			}
		}
		out[strings.TrimSuffix(filepath.Base(path), ".bin")] = s
	}
	if len(out) == 0 {
		return nil, errors.New("no voices in " + filepath.Join(dir, "voices") + ": pull kokoro again")
	}
	return out, nil
}
