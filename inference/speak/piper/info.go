package piper

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"livedub/inference"
	"livedub/inference/speak/spoken"
)

// Info is what the .onnx.json beside a voice's net says of it.
type Info struct {
	Lang     inference.Lang
	Accent   string // espeak-ng's, as "en-us"
	Rate     int    // Hz
	Speakers []string
	// Noise, Length and NoiseW are the net's scales: of the sound's noise, of all
	// durations, and of the durations' noise.
	Noise, Length, NoiseW float32

	ids     map[rune][]int
	replace map[rune]string // symbols that are written otherwise
	sid     bool            // the net is told which speaker
}

const (
	maxInfo     = 4 << 20 // bytes
	maxSpeakers = 10_000
	maxID       = 1 << 16

	// Symbols that are no phonemes: between all others, before and after them.
	pad, begin, end = '_', '^', '$'
)

// ReadInfo reads a voice's .onnx.json.
func ReadInfo(path string) (Info, error) {
	st, err := os.Stat(path)
	if err != nil {
		return Info{}, err
	}
	if st.Size() > maxInfo {
		return Info{}, fmt.Errorf("%s: has %d bytes: it is no voice's", path, st.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Info{}, err
	}
	i, err := parseInfo(b)
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", path, err)
	}
	return i, nil
}

// infoDoc is the form of the file.
type infoDoc struct {
	Audio struct {
		Rate int `json:"sample_rate"`
	} `json:"audio"`
	Espeak struct {
		Voice string `json:"voice"`
	} `json:"espeak"`
	Language struct {
		Code string `json:"code"`
	} `json:"language"`
	Inference struct {
		Noise  *float32 `json:"noise_scale"`
		Length *float32 `json:"length_scale"`
		NoiseW *float32 `json:"noise_w"`
	} `json:"inference"`
	Type     string              `json:"phoneme_type"`
	IDs      map[string][]int    `json:"phoneme_id_map"`
	Replace  map[string][]string `json:"phoneme_map"`
	Speakers int                 `json:"num_speakers"`
	Names    map[string]int      `json:"speaker_id_map"`
}

func parseInfo(b []byte) (Info, error) {
	var d infoDoc
	if err := json.Unmarshal(b, &d); err != nil {
		return Info{}, err
	}
	i := Info{Accent: strings.ToLower(d.Espeak.Voice), Rate: d.Audio.Rate, Noise: .667, Length: 1, NoiseW: .8, ids: map[rune][]int{}, replace: map[rune]string{}}
	switch {
	case d.Type != "" && d.Type != "espeak":
		return Info{}, fmt.Errorf("phoneme_type: is %.20q: voices of espeak's phonemes are spoken", d.Type)
	case i.Accent == "":
		return Info{}, errors.New("espeak.voice: is missing")
	case i.Rate < 8000 || i.Rate > 48000:
		return Info{}, fmt.Errorf("audio.sample_rate: %d is not within 8000..48000", i.Rate)
	case len(d.IDs) == 0:
		return Info{}, errors.New("phoneme_id_map: is missing")
	}
	code := d.Language.Code
	if code == "" {
		code = i.Accent
	}
	code, _, _ = strings.Cut(strings.ReplaceAll(strings.ToLower(code), "_", "-"), "-")
	if len(code) != 2 {
		return Info{}, fmt.Errorf("language.code: %.20q begins with no language of two letters", code)
	}
	i.Lang = inference.Lang(code)
	for _, s := range []struct {
		name      string
		from      *float32
		to        *float32
		low, high float32
	}{
		{"noise_scale", d.Inference.Noise, &i.Noise, 0, 2},
		{"length_scale", d.Inference.Length, &i.Length, .25, 4},
		{"noise_w", d.Inference.NoiseW, &i.NoiseW, 0, 2},
	} {
		if s.from == nil {
			continue
		}
		if v := *s.from; math.IsNaN(float64(v)) || v < s.low || v > s.high {
			return Info{}, fmt.Errorf("inference.%s: %v is not within %v..%v", s.name, v, s.low, s.high)
		}
		*s.to = *s.from
	}
	if err := i.readIDs(d); err != nil {
		return Info{}, err
	}
	return i, i.readSpeakers(d)
}

func (i *Info) readIDs(d infoDoc) error {
	for s, ids := range d.IDs {
		r, n := utf8.DecodeRuneInString(s)
		if n != len(s) || n == 0 {
			return fmt.Errorf("phoneme_id_map: %.20q is not one symbol", s)
		}
		if len(ids) == 0 || slices.Min(ids) < 0 || slices.Max(ids) > maxID {
			return fmt.Errorf("phoneme_id_map: %q: %v are no numbers of a symbol", s, ids)
		}
		i.ids[r] = ids
	}
	for _, r := range []rune{pad, begin, end} {
		if i.ids[r] == nil {
			return fmt.Errorf("phoneme_id_map: lacks %q", r)
		}
	}
	for s, to := range d.Replace {
		r, n := utf8.DecodeRuneInString(s)
		if n != len(s) || n == 0 {
			return fmt.Errorf("phoneme_map: %.20q is not one symbol", s)
		}
		i.replace[r] = strings.Join(to, "")
	}
	return nil
}

func (i *Info) readSpeakers(d infoDoc) error {
	if d.Speakers < 0 || d.Speakers > maxSpeakers {
		return fmt.Errorf("num_speakers: %d is not within 1..%d", d.Speakers, maxSpeakers)
	}
	i.Speakers = make([]string, max(d.Speakers, 1))
	for name, id := range d.Names {
		if id < 0 || id >= len(i.Speakers) {
			return fmt.Errorf("speaker_id_map: %.20q is speaker %d of %d", name, id, len(i.Speakers))
		}
		i.Speakers[id] = name
	}
	return nil
}

// alphabet returns the symbols that the voice knows.
func (i *Info) alphabet() spoken.Alphabet {
	return spoken.Alphabet{
		Has: func(r rune) bool { return i.ids[r] != nil && r != pad && r != begin && r != end },
		// Voices are taught decomposed symbols: a tilde for itself.
		Spell: func(ipa string) string {
			var b strings.Builder
			for _, r := range norm.NFD.String(ipa) {
				if to, ok := i.replace[r]; ok {
					b.WriteString(to)
				} else {
					b.WriteRune(r)
				}
			}
			return b.String()
		},
	}
}

// encode returns the numbers of symbols as the net takes them, and at which of
// them each symbol begins; the last place is where the last one ends.
func (i *Info) encode(symbols []spoken.Symbol) (ids []float32, at []int) {
	add := func(r rune) {
		for _, id := range i.ids[r] {
			ids = append(ids, float32(id))
		}
	}
	add(begin)
	add(pad)
	for _, s := range symbols {
		at = append(at, len(ids))
		add(s.Rune)
		add(pad)
	}
	at = append(at, len(ids))
	add(end)
	return ids, at
}
