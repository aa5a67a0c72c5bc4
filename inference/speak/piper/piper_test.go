package piper

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/onnx/onnxfile"
	"livedub/internal/testkit/vitstest"
)

func TestContract(t *testing.T) {
	dir := t.TempDir()
	vitstest.Net{Speakers: []float64{110, 210}}.Write(t, dir, "two", "es_ES", nil)
	inferencetest.TestSynthesizer(t, func(t *testing.T) inference.Synthesizer { return piper(t, dir) }, "es", "hola mi amigo de la casa")
}

func TestContractByAlignment(t *testing.T) {
	dir := t.TempDir()
	path := vitstest.Net{Hidden: true}.Write(t, dir, "hidden", "es_ES", nil)
	p := piper(t, dir)
	if p.Exact() {
		t.Fatalf("%s tells its durations", path)
	}
	inferencetest.TestSynthesizer(t, func(*testing.T) inference.Synthesizer { return p }, "es", "hola mi amigo de la casa")
}

// TestMarksAreTheNetsDurations: phonemes stand where the net put them, and pauses where it is silent.
func TestMarksAreTheNetsDurations(t *testing.T) {
	dir := t.TempDir()
	vitstest.Net{Frames: map[rune]int{'a': 9}}.Write(t, dir, "v", "es_ES", nil)
	p := piper(t, dir)
	if !p.Exact() {
		t.Fatal("the net's durations were not found")
	}
	s, err := p.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "Casa, rei. Sol"})
	if err != nil {
		t.Fatal(err)
	}
	inferencetest.Speech(t, s)
	ms := func(frames int) float64 { return float64(frames) * 1000 * vitstest.Hop / vitstest.Rate }
	want := []struct {
		ipa string
		ms  float64
	}{
		{"k", ms(vitstest.Common + 1)}, {"a", ms(2 + 9 + 1)}, {"s", ms(vitstest.Common + 1)}, {"a", ms(9 + 1)}, // stress belongs to what follows
		{"", ms(vitstest.Comma + 1 + vitstest.Breath + 1)},
		{"r", ms(vitstest.Common + 1)},
	}
	if len(s.Marks) < len(want)+6 {
		t.Fatalf("%v", s.Marks)
	}
	for i, w := range want {
		if m := s.Marks[i]; i > 0 && (m.IPA != w.ipa || math.Abs(m.Dur.Seconds()*1000-w.ms) > 1) {
			t.Errorf("mark %d: %q for %v, want %q for %.0f ms", i, m.IPA, m.Dur, w.ipa, w.ms)
		}
	}
	// What is marked as a pause is silent, and the rest is not.
	for _, m := range s.Marks[:len(s.Marks)-1] {
		mid := int((m.At + m.Dur/2).Seconds() * vitstest.Rate)
		loud := 0.
		for _, v := range s.Sound.Data[mid : mid+vitstest.Hop] {
			loud = max(loud, math.Abs(float64(v)))
		}
		if (m.IPA == "") != (loud < 100) {
			t.Errorf("%q at %v: %.0f", m.IPA, m.At, loud)
		}
	}
	if len(s.Words) != 3 || s.Words[0].Text != "Casa" || s.Words[1].Text != "rei" || s.Words[2].Text != "Sol" || s.Words[2].Start-s.Words[1].End < between {
		t.Errorf("words %+v", s.Words)
	}
	if s.Voice != "Piper v" || s.Rate != 1 || s.Sound.Rate != vitstest.Rate {
		t.Errorf("%q at %v, %d Hz", s.Voice, s.Rate, s.Sound.Rate)
	}
}

// TestSpeakers: of several speakers, and of several voices, the one whose pitch is nearest.
func TestSpeakers(t *testing.T) {
	dir := t.TempDir()
	vitstest.Net{Speakers: []float64{115, 170, 230}}.Write(t, dir, "a", "es_ES", nil)
	vitstest.Net{Speakers: []float64{90}}.Write(t, dir, "b", "es_MX", nil)
	vitstest.Net{Speakers: []float64{140}}.Write(t, dir, "c", "pt_BR", nil)
	p := piper(t, dir)
	if l := p.Languages(); len(l) != 2 || l[0] != "es" || l[1] != "pt" {
		t.Errorf("languages %v", l)
	}
	for _, c := range []struct {
		r    inference.SpeechRequest
		want string
	}{
		{inference.SpeechRequest{Lang: "es"}, "Piper a A"},
		{inference.SpeechRequest{Lang: "es", Pitch: inference.Pitch{Median: 160}}, "Piper a B"},
		{inference.SpeechRequest{Lang: "es", Pitch: inference.Pitch{Median: 300}}, "Piper a C"},
		{inference.SpeechRequest{Lang: "es", Pitch: inference.Pitch{Median: 70}}, "Piper b"},
		{inference.SpeechRequest{Lang: "es", Gender: inference.Female}, "Piper a C"},
		{inference.SpeechRequest{Lang: "es", Gender: inference.Male}, "Piper a A"},
		{inference.SpeechRequest{Lang: "es", Gender: inference.Male, Pitch: inference.Pitch{Median: 250}}, "Piper a A"},
		{inference.SpeechRequest{Lang: "es", Pitch: inference.Pitch{Median: math.NaN()}}, "Piper a A"},
		{inference.SpeechRequest{Lang: "pt", Gender: inference.Female}, "Piper c"},
	} {
		c.r.Text = "hola"
		s, err := p.Speak(t.Context(), c.r)
		if err != nil || s.Voice != c.want {
			t.Errorf("%+v: %q, %v, want %q", c.r, s.Voice, err, c.want)
		}
	}
	for _, s := range p.speakers["es"] {
		if s.name == "Piper a C" && math.Abs(s.pitch-230) > 3 {
			t.Errorf("%s is heard at %.0f Hz", s.name, s.pitch)
		}
	}
}

// TestManySpeakers: not all are tried.
func TestManySpeakers(t *testing.T) {
	dir := t.TempDir()
	var hz []float64
	for i := range 20 {
		hz = append(hz, 80+10*float64(i))
	}
	vitstest.Net{Speakers: hz}.Write(t, dir, "many", "es_ES", nil)
	p := piper(t, dir)
	all := p.speakers["es"]
	if len(all) != maxTried || all[0].id != 0 || all[maxTried-1].id != 17 {
		t.Errorf("%+v", all)
	}
}

// TestAbsentPhonemes: what a voice has no symbol for is left out and counted; a
// text of nothing else is an error.
func TestAbsentPhonemes(t *testing.T) {
	dir := t.TempDir()
	vitstest.Net{}.Write(t, dir, "v", "es_ES", func(m map[string]any) {
		m["phoneme_map"] = map[string]any{"k": []string{"t", "s"}}
		delete(m["phoneme_id_map"].(map[string][]int), "o")
	})
	p := piper(t, dir)
	s, err := p.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "loco"})
	if err != nil {
		t.Fatal(err)
	}
	var ipa string
	for _, m := range s.Marks {
		ipa += m.IPA
	}
	if p.Lacking() != 2 || ipa != "lts" {
		t.Errorf("%d lacking, spoken as %q", p.Lacking(), ipa)
	}
	if _, err := p.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "o"}); err == nil || !strings.Contains(err.Error(), "no symbol for anything") {
		t.Errorf("a text of unknown symbols: %v", err)
	}
}

// TestNonsenseOfTheNet: what no voice gives is an error that says so, at the start
// where it shows there.
func TestNonsenseOfTheNet(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		v          vitstest.Net
		early, say string
	}{
		"NaN":           {vitstest.Net{Amps: map[rune]float32{'t': nan}}, "", "contains NaN"},
		"NaN at once":   {vitstest.Net{Amps: map[rune]float32{'a': nan}}, "contains NaN", ""},
		"minutes":       {vitstest.Net{Frames: map[rune]int{'t': 12000}}, "", "speech of more than 2m0s"},
		"silence":       {vitstest.Net{Amps: map[rune]float32{'t': 0, 'a': 0, 'm': 0, 'n': 0, 'l': 0, '_': 0, '^': 0, '$': 0, 'ˈ': 0}}, "no sound", ""},
		"nothing":       {vitstest.Net{Times: 1e-30, Frames: map[rune]int{}}, "", ""},
		"0 s":           {vitstest.Net{Times: -1}, "", ""},
		"NaN durations": {vitstest.Net{Times: nan}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.v.Write(t, dir, "v", "es_ES", nil)
			e := espeak(t)
			v, err := Load(t.Context(), filepath.Join(dir, "v.onnx"), opener(t))
			var p *Piper
			if err == nil {
				p, err = New(t.Context(), Config{Voices: []Voice{v}, Phonemes: e, Reference: e})
			}
			if err != nil {
				if c.say != "" || !strings.Contains(err.Error(), c.early) {
					t.Errorf("at the start: %v", err)
				}
				return
			}
			defer p.Close()
			s, err := p.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "tata"})
			if name == "nothing" { // a frame each
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.say) || c.say == "" {
				t.Errorf("%v of speech, %v", s.Sound.Duration(), err)
			}
		})
	}
}

// TestOddFiles: each error names the file and what is wrong in it.
func TestOddFiles(t *testing.T) {
	set := func(path string, v any) func(map[string]any) {
		return func(m map[string]any) {
			section, key, ok := strings.Cut(path, ".")
			if !ok {
				m[section] = v
				return
			}
			m[section].(map[string]any)[key] = v
		}
	}
	for say, spoil := range map[string]func(map[string]any){
		"audio.sample_rate: 0":           set("audio.sample_rate", 0),
		"audio.sample_rate: 96000":       set("audio.sample_rate", 96000),
		"phoneme_id_map: is missing":     set("phoneme_id_map", nil),
		`phoneme_id_map: lacks '^'`:      func(m map[string]any) { delete(m["phoneme_id_map"].(map[string][]int), "^") },
		`"ab" is not one symbol`:         set("phoneme_id_map", map[string][]int{"ab": {1}}),
		"are no numbers of a symbol":     set("phoneme_id_map", map[string][]int{"a": {-1}}),
		"phoneme_map":                    set("phoneme_map", map[string][]string{"ab": {"c"}}),
		"espeak.voice: is missing":       set("espeak.voice", ""),
		`phoneme_type: is "text"`:        set("phoneme_type", "text"),
		"inference.length_scale: 0":      set("inference.length_scale", 0),
		"inference.noise_w: -1":          set("inference.noise_w", -1),
		"num_speakers: -1":               set("num_speakers", -1),
		`is speaker 7 of 1`:              set("speaker_id_map", map[string]int{"X": 7}),
		"begins with no language of two": set("language.code", "yue"),
		"cannot unmarshal":               set("audio.sample_rate", "fast"),
		"takes no sid":                   set("num_speakers", 2),
		"lacks m, n, l and a":            set("phoneme_id_map", map[string][]int{"_": {0}, "^": {1}, "$": {2}, "x": {3}}),
	} {
		dir := t.TempDir()
		path := vitstest.Net{}.Write(t, dir, "v", "es_ES", spoil)
		v, err := Load(t.Context(), path, opener(t))
		if err == nil {
			e := espeak(t)
			_, err = New(t.Context(), Config{Voices: []Voice{v}, Phonemes: e, Reference: e})
		}
		if err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), "v") {
			t.Errorf("%s: %v", say, err)
		}
	}
	dir := t.TempDir()
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "holds no voice") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Find(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	path := vitstest.Net{}.Write(t, dir, "v", "es_ES", nil)
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), path, opener(t)); !errors.Is(err, onnxfile.ErrFile) {
		t.Errorf("a cut net: %v", err)
	}
}

// TestNetsThatTellNoDurations are opened as they are.
func TestNetsThatTellNoDurations(t *testing.T) {
	dir := t.TempDir()
	for name, v := range map[string]vitstest.Net{"hidden": {Hidden: true}, "split": {Split: true}} {
		got, err := Load(t.Context(), v.Write(t, dir, name, "es_ES", nil), opener(t))
		if err != nil {
			t.Fatal(err)
		}
		if got.exact() {
			t.Errorf("%s: durations out of what is not known to be them", name)
		}
		e := espeak(t)
		got.Info.Lang = "xx"
		if _, err := New(t.Context(), Config{Voices: []Voice{got}, Phonemes: e, Reference: e}); err == nil || !strings.Contains(err.Error(), "tells no durations") {
			t.Errorf("a language without reference: %v", err)
		}
	}
	// A copy that the runtime refuses is not insisted on.
	path := vitstest.Net{}.Write(t, dir, "v", "es_ES", nil)
	real := opener(t)
	v, err := Load(t.Context(), path, func(ctx context.Context, at string, example func(int) []inference.Tensor) (inference.Model, error) {
		if at != path {
			return nil, errors.New("refused")
		}
		return real(ctx, at, example)
	})
	if err != nil || v.exact() {
		t.Errorf("%v, exact %v", err, v.exact())
	}
	v.Net.Close()
}

// TestSentences: a run each; what is longer than a net takes is cut.
func TestSentences(t *testing.T) {
	dir := t.TempDir()
	vitstest.Net{}.Write(t, dir, "v", "es_ES", nil)
	p := piper(t, dir)
	text := "La casa, la mesa. La" + strings.Repeat(" la la la la la,", 60)
	clauses, err := p.c.Phonemes.Phonemes(t.Context(), "es", text)
	if err != nil {
		t.Fatal(err)
	}
	symbols, _, _ := p.nets[0].alphabet.Symbols(clauses)
	parts := sentences(clauses, symbols)
	n, all := 0, 0
	for i, part := range parts {
		n += len(part)
		if len(part) > maxSymbols || len(part) == 0 || i == 0 && len(part) > 40 {
			t.Errorf("part %d of %d symbols", i, len(part))
		}
	}
	for _, s := range symbols {
		all += len(s)
	}
	if n != all || len(parts) < 4 {
		t.Errorf("%d parts of %d symbols, want %d", len(parts), n, all)
	}
	s, err := p.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	inferencetest.Speech(t, s)
	if len(s.Words) != 305 || s.Sound.Duration() < 30*time.Second {
		t.Errorf("%d words in %v", len(s.Words), s.Sound.Duration())
	}
	if p.Estimate(inference.SpeechRequest{Lang: "es", Text: text}) <= 0 {
		t.Error("no estimate after a run")
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte(`{"audio":{"sample_rate":22050},"espeak":{"voice":"es"},"phoneme_id_map":{"_":[0],"^":[1],"$":[2],"m":[3],"n":[4],"l":[5],"a":[6]},"num_speakers":2,"speaker_id_map":{"x":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := parseInfo(b)
		if err != nil {
			return
		}
		ids, at := i.encode(i.trial())
		if len(i.Speakers) < 1 || len(i.Lang) != 2 || i.Rate < 8000 || len(ids) < 3 || at[len(at)-1] >= len(ids) {
			t.Errorf("%+v: %v at %v", i, ids, at)
		}
	})
}
