package kokoro

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media/codec"
)

const symbols = ";:,.!?—… abdefhijklmnopqrstuvwxyzæçðŋɐɑɔəɚɛɜɡɪɲɹɾʁʃʊʌʒʔʣʤʦʧˈˌː̃βθAIOQWY"

// folder makes what Config.Dir holds, with voices of zeros.
func folder(t *testing.T, voices ...string) string {
	t.Helper()
	dir := t.TempDir()
	vocab := map[string]int{}
	for i, r := range []rune(symbols) {
		vocab[string(r)] = i + 1
	}
	b, err := json.Marshal(map[string]any{"vocab": vocab})
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "vocab.json"), b, 0o600), os.Mkdir(filepath.Join(dir, "voices"), 0o700))
	}
	for _, v := range voices {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, "voices", v+".bin"), make([]byte, 4*styleRows*styleSize), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// toneNet gives every token but the spaces 75 ms of a tone, spaces 25 ms of
// silence, and the first 200 ms: as Kokoro does, in a shape that is known.
type toneNet struct {
	runs   [][]float32 // tokens
	spoil  func(sound, frames []float32) ([]float32, []float32)
	closed int
}

func (n *toneNet) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "tokens", Shape: []int{1, -1}}, {Name: "style", Shape: []int{1, 256}}, {Name: "speed", Shape: []int{1}}}
}

func (n *toneNet) Outputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "waveform"}, {Name: "/encoder/Round_output_0"}}
}

func (n *toneNet) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tokens := in[0].Data
	n.runs = append(n.runs, tokens)
	space := float32(len([]rune(symbols[:strings.IndexRune(symbols, ' ')])) + 1)
	var frames, sound []float32
	for i, id := range tokens {
		f := 3
		switch {
		case i == 0:
			f = 8
		case id == space || id == 0:
			f = 1
		}
		frames = append(frames, float32(f))
		for range f * step {
			v := 0.
			if i > 0 && id != space && id != 0 {
				v = 1.4 * math.Sin(2*math.Pi*200*float64(len(sound))/Rate) // beyond 1, as Kokoro's peaks are
			}
			sound = append(sound, float32(v))
		}
	}
	sound = append(sound[lead:], make([]float32, lead)...) // it comes before what the durations say
	if n.spoil != nil {
		sound, frames = n.spoil(sound, frames)
	}
	return []inference.Tensor{{Shape: []int{len(sound)}, Data: sound}, {Shape: []int{len(frames)}, Data: frames}}, nil
}

func (n *toneNet) Close() error { n.closed++; return nil }

// spelling pronounces letters as they are written, but for what is given.
type spelling map[string]string

func (s spelling) Phonemes(ctx context.Context, accent, text string) ([]inference.Clause, error) {
	if ipa, ok := s[text]; ok {
		return []inference.Clause{{Text: text, IPA: ipa}}, ctx.Err()
	}
	return []inference.Clause{{Text: text, IPA: strings.ToLower(text)}}, ctx.Err()
}

func fakeKokoro(t *testing.T, net *toneNet, say spelling, voices ...string) *Kokoro {
	t.Helper()
	k, err := New(Config{Dir: folder(t, voices...), Net: net, Phonemes: say, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFakeKeepsTheContract(t *testing.T) {
	inferencetest.TestSynthesizer(t, func(t *testing.T) inference.Synthesizer {
		return fakeKokoro(t, &toneNet{}, nil, "ef_dora", "em_alex")
	}, "es", "hola mi amigo de la casa")
}

// TestLacking: symbols that the voice does not know are left out and counted.
func TestLacking(t *testing.T) {
	k := fakeKokoro(t, &toneNet{}, spelling{"casa": "k漢aː字"}, "ef_dora")
	defer k.Close()
	s, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "casa"})
	if err != nil {
		t.Fatal(err)
	}
	if k.Lacking() != 2 || len(s.Marks) != 2 {
		t.Errorf("%d lacking, marks %v", k.Lacking(), s.Marks)
	}
}

// TestMarksAreTheNetsDurations: phonemes stand where the net put them, less the
// silence before the first; stress belongs to what follows, length to what came before.
func TestMarksAreTheNetsDurations(t *testing.T) {
	k := fakeKokoro(t, &toneNet{}, spelling{"Casa, rei.": "kˈasː re"}, "ef_dora")
	defer k.Close()
	s, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "Casa, rei."})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		ipa string
		ms  int
	}{{"k", 75}, {"a", 150}, {"s", 175}, {"r", 75}, {"e", 75}} // s: itself, its length, a space too short to be seen
	if len(s.Marks) != len(want) {
		t.Fatalf("%v", s.Marks)
	}
	at := time.Duration(0)
	for i, w := range want {
		m := s.Marks[i]
		off := m.Dur - time.Duration(w.ms)*time.Millisecond
		if m.IPA != w.ipa || m.At != at || off.Abs() > 5*time.Millisecond && i < len(want)-1 {
			t.Errorf("mark %d: %q at %v for %v, want %q at %v for %d ms", i, m.IPA, m.At, m.Dur, w.ipa, at, w.ms)
		}
		at = m.At + m.Dur
	}
	if at != s.Sound.Duration() {
		t.Errorf("marks end at %v, the sound at %v", at, s.Sound.Duration())
	}
	if len(s.Words) != 2 || s.Words[0].Text != "Casa" || s.Words[1].Text != "rei" || s.Words[1].Start < 350*time.Millisecond {
		t.Errorf("words %+v", s.Words)
	}
	var peak, sum float64
	for _, v := range s.Sound.Data {
		peak = max(peak, math.Abs(float64(v)))
		sum += float64(v) * float64(v)
	}
	if rms := 20 * math.Log10(math.Sqrt(sum/float64(len(s.Sound.Data)))/32767); peak > .9*32767 || rms < -21 || rms > -19 {
		t.Errorf("peak %.0f, RMS %.1f dBFS", peak, rms)
	}
}

// TestTokens: English diphthongs and everybody's affricates are one symbol; what
// espeak-ng says of other languages is left out; words are told apart.
func TestTokens(t *testing.T) {
	v := vocabulary{}
	for i, r := range []rune(symbols) {
		v[r] = i + 1
	}
	text := func(parts []part) (s string) {
		for _, p := range parts {
			for _, t := range p {
				s += string(t.Rune)
			}
			s += "|"
		}
		return s
	}
	for name, c := range map[string]struct {
		clause  inference.Clause
		english bool
		want    string
		words   int
	}{
		"english":         {inference.Clause{Text: "My choice?", IPA: "maɪ tʃˈɔɪs"}, true, "mI ʧˈYs? |", 2},
		"spanish":         {inference.Clause{Text: "Hay, ocho", IPA: "aɪ ˈotʃo"}, false, "aɪ ˈoʧo |", 2},
		"another's rules": {inference.Clause{Text: "el show.", IPA: "el (en)ʃˈoʊ(es)"}, false, "el ʃˈoʊ. |", 2},
		"nothing known":   {inference.Clause{Text: "漢", IPA: "漢"}, false, "", 1},
		"quoted":          {inference.Clause{Text: "«sí!» ", IPA: "si"}, false, "si! |", 1},
	} {
		parts, words, lacking := v.parts([]inference.Clause{c.clause}, c.english)
		if want := strings.Count(c.clause.IPA, "漢"); lacking != want {
			t.Errorf("%s: %d symbols lacking, want %d", name, lacking, want)
		}
		if got := text(parts); got != c.want || len(words) != c.words {
			t.Errorf("%s: %q, %d words, want %q, %d", name, got, len(words), c.want, c.words)
		}
	}
	long := inference.Clause{Text: strings.Repeat("la ", 400), IPA: strings.Repeat("la ", 400)}
	parts, words, _ := v.parts([]inference.Clause{long, long}, false)
	n := 0
	for _, p := range parts {
		if len(p) > maxTokens {
			t.Errorf("a part of %d tokens", len(p))
		}
		n += len(p)
	}
	if n < 2*1199 || len(words) != 800 {
		t.Errorf("%d tokens, %d words", n, len(words))
	}
}

// TestVoices: by gender, by pitch, or the one that there is.
func TestVoices(t *testing.T) {
	k := fakeKokoro(t, &toneNet{}, nil, "ef_dora", "em_alex", "ff_siwis")
	defer k.Close()
	for _, c := range []struct {
		r     inference.SpeechRequest
		voice string
	}{
		{inference.SpeechRequest{Lang: "es"}, "em_alex"},
		{inference.SpeechRequest{Lang: "es", Gender: inference.Female}, "ef_dora"},
		{inference.SpeechRequest{Lang: "es", Pitch: inference.Pitch{Median: 210}}, "ef_dora"},
		{inference.SpeechRequest{Lang: "es", Pitch: inference.Pitch{Median: 210}, Gender: inference.Male}, "em_alex"},
		{inference.SpeechRequest{Lang: "fr", Gender: inference.Male}, "ff_siwis"},
		{inference.SpeechRequest{Lang: "it"}, ""},
	} {
		if _, voice, ok := k.choose(c.r); voice != c.voice || ok != (c.voice != "") {
			t.Errorf("%+v: %q", c.r, voice)
		}
	}
	if l := k.Languages(); len(l) != 2 || l[0] != "es" || l[1] != "fr" {
		t.Errorf("languages %v", l)
	}
}

// TestNonsenseOfTheNet: what no voice gives is an error that says so.
func TestNonsenseOfTheNet(t *testing.T) {
	for name, spoil := range map[string]func(sound, frames []float32) ([]float32, []float32){
		"NaN":                  func(s, f []float32) ([]float32, []float32) { s[len(s)/2] = float32(math.NaN()); return s, f },
		"silence":              func(s, f []float32) ([]float32, []float32) { clear(s); return s, f },
		"no sound":             func(_, f []float32) ([]float32, []float32) { return nil, f },
		"durations of others":  func(s, f []float32) ([]float32, []float32) { return s, f[1:] },
		"endless durations":    func(s, f []float32) ([]float32, []float32) { f[1] = 1e6; return s, f },
		"durations below zero": func(s, f []float32) ([]float32, []float32) { f[1] = -5; return s, f },
		"NaN durations":        func(s, f []float32) ([]float32, []float32) { f[1] = float32(math.NaN()); return s, f },
		"it never ends":        func(_, f []float32) ([]float32, []float32) { return make([]float32, 130*Rate), f },
	} {
		k := fakeKokoro(t, &toneNet{spoil: spoil}, nil, "ef_dora")
		if s, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "hola"}); err == nil {
			t.Errorf("%s: %v of speech", name, s.Sound.Duration())
		}
		k.Close()
	}
}

// later is a net as newer exports are: they call tokens otherwise.
type later struct{ toneNet }

func (n *later) Inputs() []inference.TensorInfo {
	in := n.toneNet.Inputs()
	in[0].Name = "input_ids"
	return in
}

// odd takes something else.
type odd struct{ toneNet }

func (n *odd) Inputs() []inference.TensorInfo { return n.toneNet.Inputs()[1:] }

// TestNetsOfBothExports: both are taken, and no other.
func TestNetsOfBothExports(t *testing.T) {
	k, err := New(Config{Dir: folder(t, "ef_dora"), Net: &later{}, Phonemes: spelling{}, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "hola"}); err != nil {
		t.Error(err)
	}
	k.Close()
	net := &odd{}
	if _, err := New(Config{Dir: folder(t, "ef_dora"), Net: net}); err == nil || !strings.Contains(err.Error(), "tokens, style and speed are needed") || net.closed != 1 {
		t.Errorf("%v, closed %d times", err, net.closed)
	}
}

// TestBrokenFolders: each error names the file, and the net is closed.
func TestBrokenFolders(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"vocab.json": func(dir string) error { return os.Remove(filepath.Join(dir, "vocab.json")) },
		"no symbol": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "vocab.json"), []byte(`{"vocab":{"ab":1}}`), 0o600)
		},
		"0 symbols": func(dir string) error { return os.WriteFile(filepath.Join(dir, "vocab.json"), []byte(`{}`), 0o600) },
		"voices":    func(dir string) error { return os.RemoveAll(filepath.Join(dir, "voices")) },
		"12 bytes": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "voices", "ef_dora.bin"), make([]byte, 12), 0o600)
		},
		"holds what is no": func(dir string) error {
			b := make([]byte, 4*styleRows*styleSize)
			b[2], b[3] = 0xc0, 0x7f // NaN
			return os.WriteFile(filepath.Join(dir, "voices", "ef_dora.bin"), b, 0o600)
		},
	} {
		dir, net := folder(t, "ef_dora"), &toneNet{}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{Dir: dir, Net: net}); err == nil || !strings.Contains(err.Error(), name) || net.closed != 1 {
			t.Errorf("%s: %v, closed %d times", name, err, net.closed)
		}
	}
}
