package whisper

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/inference"
)

// TestConvert: the files are those promised, the same each time, and nothing else.
func TestConvert(t *testing.T) {
	src := synthesize(t, true)
	a, b := t.TempDir(), t.TempDir()
	for _, dst := range []string{a, b} {
		if err := ConvertCT2(t.Context(), src, dst); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	entries, err := os.ReadDir(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		one, err := os.ReadFile(filepath.Join(a, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(b, e.Name()))
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s differs from one conversion to the next (%v)", e.Name(), err)
		}
	}
	if !slices.Equal(names, []string{"decoder.int8.onnx", "encoder.int8.onnx", "tokens.txt", "whisper.json"}) {
		t.Errorf("files %q", names)
	}
	m, err := Open(t.Context(), a, openNet(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := m.Languages(); !slices.Equal(got, []string{"en", "zh", "es"}) {
		t.Errorf("languages %q", got)
	}
	if string(m.tokens[300]) != " w300" || string(m.tokens[10]) != "\n" || string(m.tokens[200]) != "\xc8" {
		t.Errorf("tokens %q %q %q", m.tokens[300], m.tokens[10], m.tokens[200])
	}
}

// runNets runs both nets by hand: the encoder over features, the decoder over tokens in the parts given.
func runNets(t *testing.T, m *Model, mel inference.Tensor, parts [][]int) (cross []inference.Tensor, logits, attention [][]float32) {
	t.Helper()
	cross, err := m.encoder.Run(t.Context(), []inference.Tensor{mel})
	if err != nil {
		t.Fatal(err)
	}
	d := &decoding{m: m, cross: cross, t: (mel.Shape[2] + 1) / 2, keys: make([][]float32, 2*m.info.DecoderLayers)}
	for _, p := range parts {
		l, err := d.step(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		logits = append(logits, l)
	}
	return cross, logits, d.rows
}

// synthMel are features that are computed the same way in every language.
func synthMel(frames int) inference.Tensor {
	mel := zeros(1, 80, frames)
	for i := range mel.Data {
		mel.Data[i] = float32(i*7919%1009)/504.5 - 1
	}
	return mel
}

// reference is what a writer in another language, of other people's, makes of
// the same weights; origin says how it came to be.
type reference struct {
	Origin    string      `json:"origin"`
	Frames    int         `json:"frames"`
	Tokens    []int       `json:"tokens"`
	CrossK    []float32   `json:"cross_k"`   // layer 1, frame 13: all numbers
	CrossV    []float32   `json:"cross_v"`   // layer 0, frame 49
	Logits    [][]float32 `json:"logits"`    // of every 5000th token, after each token
	Attention [][]float32 `json:"attention"` // of each alignment head, by the last token, of the first 10 frames
}

func TestGraphsAgainstReference(t *testing.T) {
	againstReference(t, "testdata/reference.json", synthesize(t, true), 2e-5)
}

// againstReference compares graphs in fp32 with stored numbers.
func againstReference(t *testing.T, path, src string, within float64) {
	t.Helper()
	want := readReference(t, path)
	m := opened(t, src, false)
	var parts [][]int
	for _, id := range want.Tokens {
		parts = append(parts, []int{id})
	}
	cross, logits, rows := runNets(t, m, synthMel(want.Frames), parts)
	n, each := want.Frames/2, m.info.Width/m.info.Heads
	var k, v []float32
	for i := range m.info.Width {
		k = append(k, cross[2].Data[i*n+13])
		v = append(v, cross[1].Data[(i/each*n+49)*each+i%each])
	}
	if err := errors.Join(close32(k, want.CrossK, within), close32(v, want.CrossV, within)); err != nil {
		t.Errorf("encoder: %v", err)
	}
	for i, l := range logits {
		var got []float32
		for id := 0; id < len(l); id += 5000 {
			got = append(got, l[id])
		}
		if err := close32(got, want.Logits[i], within); err != nil {
			t.Errorf("after token %d: %v", i, err)
		}
	}
	last := rows[len(rows)-1]
	for h := range m.info.AlignmentHeads {
		if err := close32(last[h*n:h*n+10], want.Attention[h], within); err != nil {
			t.Errorf("attention of head %d: %v", h, err)
		}
	}
}

func readReference(t *testing.T, path string) (r reference) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPastIsTheSame: tokens one by one, in parts and all at once come to the
// same; weights in int8 come near.
func TestPastIsTheSame(t *testing.T) {
	src := synthesize(t, false)
	m := opened(t, src, false)
	mel := synthMel(101)
	tokens := []int{synthEOT + 1, 400, 9, 5000, 33, 33}
	var alone [][]int
	for _, id := range tokens {
		alone = append(alone, []int{id})
	}
	_, one, rows := runNets(t, m, mel, alone)
	for _, parts := range [][][]int{{tokens}, {tokens[:1], tokens[1:4], tokens[4:]}} {
		_, got, again := runNets(t, m, mel, parts)
		if err := close32(got[len(got)-1], one[len(one)-1], 1e-4); err != nil {
			t.Errorf("in %d parts: %v", len(parts), err)
		}
		for i := range rows {
			if err := close32(again[i], rows[i], 1e-5); err != nil {
				t.Errorf("in %d parts: attention of token %d: %v", len(parts), i, err)
			}
		}
	}
	small := opened(t, src, true)
	_, rough, _ := runNets(t, small, mel, alone)
	for i := range one {
		if c := correlation(one[i], rough[i]); c < .98 {
			t.Errorf("int8: after token %d the logits correlate by %.3f with those of fp32", i, c)
		}
	}
}

func correlation(a, b []float32) float64 {
	var sa, sb, aa, bb, ab float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		sa, sb, aa, bb, ab = sa+x, sb+y, aa+x*x, bb+y*y, ab+x*y
	}
	n := float64(len(a))
	return (ab - sa*sb/n) / math.Sqrt((aa-sa*sa/n)*(bb-sb*sb/n))
}

func TestQuantise(t *testing.T) {
	v := []float32{-2, 1.27, .0079, .0236, 0}
	scale := scale8(v)
	if scale != float32(4./254) {
		t.Errorf("scale %v", scale)
	}
	want := []int8{-127, 81, 1, 1, 0}
	for i, b := range quantise(v, scale) {
		if int8(b) != want[i] {
			t.Errorf("%v becomes %d, not %d", v[i], int8(b), want[i])
		}
	}
	if scale8([]float32{0, 0}) != 1 {
		t.Error("zeros have a scale that divides by zero")
	}
	for width, exact := range map[int]bool{384: false, 512: true} {
		b := &builder{info: &Info{Width: width}}
		if b.exact("encoder/layer_0/ffn/linear_1") != exact || b.exact("encoder/layer_0/ffn/linear_0") || b.exact("decoder/layer_0/ffn/linear_1") {
			t.Errorf("of width %d other layers stay in fp32", width)
		}
	}
	if got := transposed([]float32{1, 2, 3, 4, 5, 6}, 3); !slices.Equal(got, []float32{1, 4, 2, 5, 3, 6}) {
		t.Errorf("transposed %v", got)
	}
}

// TestConvertRefuses: damaged and foreign folders give errors that name what is
// wrong, and leave nothing.
func TestConvertRefuses(t *testing.T) {
	src := synthesize(t, true)
	good, err := os.ReadFile(filepath.Join(src, "model.bin"))
	if err != nil {
		t.Fatal(err)
	}
	bin := func(b []byte) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, "model.bin"), b, 0o600) }
	}
	edit := func(name, old, new string) func(string) error {
		return func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && !bytes.Contains(b, []byte(old)) {
				err = fmt.Errorf("%s has no %s", name, old)
			}
			return errors.Join(err, os.WriteFile(filepath.Join(dir, name), bytes.Replace(b, []byte(old), []byte(new), 1), 0o600))
		}
	}
	version := slices.Clone(good)
	version[0] = 5
	quantised := synthBin(true)
	quantised.vars = bytes.Replace(quantised.vars, append([]byte("encoder/conv1/bias\x00"), 1), append([]byte("encoder/conv1/bios\x00"), 1), 1)
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"cut":          {bin(good[:len(good)/2]), "ends in the middle"},
		"longer":       {bin(append(slices.Clone(good), 0)), "1 bytes follow"},
		"empty":        {bin(nil), "ends in the middle"},
		"version":      {bin(version), "version 6"},
		"no whisper":   {bin(bytes.Replace(good, []byte("WhisperSpec"), []byte("WhisperSpoc"), 1)), "no Whisper model"},
		"misses":       {bin(quantised.bytes()), `no "encoder/conv1/bias"`},
		"no model":     {func(dir string) error { return os.Remove(filepath.Join(dir, "model.bin")) }, "model.bin"},
		"no tokenizer": {func(dir string) error { return os.Remove(filepath.Join(dir, "tokenizer.json")) }, "tokenizer.json"},
		"no json":      {func(dir string) error { return os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o600) }, "config.json"},
		"heads":        {edit("config.json", `[[0,1]`, `[[7,1]`), "alignment head [7 1]"},
		"suppress":     {edit("config.json", `"suppress_ids":[1`, `"suppress_ids":[-1`), "suppressed token -1"},
		"special":      {edit("tokenizer.json", `startofprev`, `startofprov`), "<|startofprev|>"},
		"token":        {edit("tokenizer.json", `w300"`, `w301"`), "tokenizer.json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, dst := t.TempDir(), t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(src)); err != nil {
				t.Fatal(err)
			}
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			err := ConvertCT2(t.Context(), dir, dst)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if left, err := os.ReadDir(dst); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ConvertCT2(ctx, src, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// FuzzReadCT2: nothing in a file makes its reader crash, or take memory that the file does not have.
func FuzzReadCT2(f *testing.F) {
	c := &ct2Bytes{}
	c.add("a", ct2Half, []int{2, 3}, make([]byte, 12))
	c.add("n", ct2Int32, nil, []byte{1, 0, 0, 0})
	c.aliases = [][2]string{{"b", "a"}}
	good := c.bytes()
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(binary.LittleEndian.AppendUint32(nil, 6))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := readCT2(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for name, v := range file.vars {
			if v.at < 0 || v.size < 0 || v.at+v.size > int64(len(b)) {
				t.Fatalf("%q lies at %d, %d bytes, in a file of %d", name, v.at, v.size, len(b))
			}
			if _, err := file.number(name); err == nil && len(v.shape) > 0 {
				t.Fatalf("%q is a number of shape %v", name, v.shape)
			}
			if len(v.shape) > 0 && v.shape[0] > 0 && (v.typ == ct2Float || v.typ == ct2Half) {
				if _, err := file.floats(name, 0, v.shape[0]); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// FuzzTokens: what is read writes the same.
func FuzzTokens(f *testing.F) {
	f.Add([]byte("IQ== 0\nIg== 1\n"), 2)
	f.Add([]byte("= 0\n"), 1)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		list, err := parseTokens(text, n)
		if err != nil {
			return
		}
		if len(list) != n {
			t.Fatalf("%d tokens, not %d", len(list), n)
		}
		var b bytes.Buffer
		if err := writeTokens(&b, list); err != nil {
			t.Fatal(err)
		}
		if again, err := parseTokens(b.Bytes(), n); err != nil || !slices.EqualFunc(again, list, bytes.Equal) {
			t.Fatalf("%q, %v", again, err)
		}
	})
}

// FuzzInfo: what passes the check can be worked with.
func FuzzInfo(f *testing.F) {
	src := synthesize(f, false)
	dst := f.TempDir()
	if err := ConvertCT2(f.Context(), src, dst); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dst, infoFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, text []byte) {
		i := &Info{}
		if json.Unmarshal(text, i) != nil || i.check() != nil {
			return
		}
		if i.Width/i.Heads < 1 || i.EndOfText >= i.Vocabulary || i.NoSpeech >= i.Vocabulary {
			t.Fatalf("%+v", i)
		}
	})
}
