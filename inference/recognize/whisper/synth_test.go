package whisper

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/onnx/onnxfile"
	"livedub/internal/testkit/groundtest"
)

// ct2Bytes writes a model.bin as CTranslate2 does.
type ct2Bytes struct {
	vars    []byte
	n       uint32
	aliases [][2]string
}

func appendText(b []byte, s string) []byte {
	return append(append(binary.LittleEndian.AppendUint16(b, uint16(len(s)+1)), s...), 0)
}

func (c *ct2Bytes) add(name string, typ byte, shape []int, data []byte) {
	c.n++
	c.vars = append(appendText(c.vars, name), byte(len(shape)))
	for _, d := range shape {
		c.vars = binary.LittleEndian.AppendUint32(c.vars, uint32(d))
	}
	c.vars = append(c.vars, typ)
	c.vars = append(binary.LittleEndian.AppendUint32(c.vars, uint32(len(data))), data...)
}

func (c *ct2Bytes) bytes() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 6)
	b = binary.LittleEndian.AppendUint32(appendText(b, "WhisperSpec"), 3)
	b = append(binary.LittleEndian.AppendUint32(b, c.n), c.vars...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.aliases)))
	for _, a := range c.aliases {
		b = appendText(appendText(b, a[0]), a[1])
	}
	return b
}

// The synthetic model is a Whisper of random weights, as small as one can be
// that still is multilingual.
const (
	synthWidth   = 8
	synthHeads   = 2
	synthEncoder = 1
	synthDecoder = 2
	synthVocab   = multilingual
	synthEOT     = 50257
)

// synthesize writes a CTranslate2 folder. half has the weights in fp16.
func synthesize(t testing.TB, half bool) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("model.bin", synthBin(half).bytes())
	heads := [][2]int{{0, 1}, {1, 0}, {1, 1}}
	langs := []int{}
	special := []map[string]any{}
	for i, s := range []string{"<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|zh|>", "<|es|>", "<|translate|>", "<|transcribe|>",
		"<|startoflm|>", "<|startofprev|>", "<|nocaptions|>", "<|notimestamps|>"} {
		special = append(special, map[string]any{"id": synthEOT + i, "content": s})
		if _, ok := languageOf(s); ok {
			langs = append(langs, synthEOT+i)
		}
	}
	config, err := json.Marshal(map[string]any{"alignment_heads": heads, "lang_ids": langs,
		"suppress_ids": []int{1, 2, synthEOT + 1}, "suppress_ids_begin": []int{220, synthEOT}})
	if err != nil {
		t.Fatal(err)
	}
	write("config.json", config)
	of := map[byte]rune{}
	for r, b := range byteLevel() {
		of[b] = r
	}
	vocab := map[string]int{}
	for id := range synthEOT {
		word := ""
		for _, b := range synthToken(id) {
			word += string(of[b])
		}
		vocab[word] = id
	}
	tokenizer, err := json.Marshal(map[string]any{"added_tokens": special, "model": map[string]any{"vocab": vocab}})
	if err != nil {
		t.Fatal(err)
	}
	write("tokenizer.json", tokenizer)
	return dir
}

// synthToken is one byte for each of the first 256 tokens, a word for the others.
func synthToken(id int) []byte {
	if id < 256 {
		return []byte{byte(id)}
	}
	return fmt.Appendf(nil, " w%d", id)
}

func synthBin(half bool) *ct2Bytes {
	c := &ct2Bytes{}
	state := uint64(1)
	random := func(name string, bound float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		var data []byte
		for range n {
			state = state*6364136223846793005 + 1442695040888963407
			v := bound * (2*float64(state>>40)/(1<<24) - 1)
			if half {
				data = binary.LittleEndian.AppendUint16(data, onnxfile.Half(float32(v)))
			} else {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
			}
		}
		typ := byte(ct2Float)
		if half {
			typ = ct2Half
		}
		c.add(name, typ, shape, data)
	}
	d := synthWidth
	linear := func(name string, out, in int) {
		random(name+"/weight", 1, out, in)
		random(name+"/bias", .5, out)
	}
	norm := func(name string) {
		random(name+"/layer_norm/gamma", 1.5, d)
		random(name+"/layer_norm/beta", .5, d)
	}
	random("encoder/conv1/weight", .1, d, 80, 3)
	random("encoder/conv1/bias", .1, d)
	random("encoder/conv2/weight", .3, d, d, 3)
	random("encoder/conv2/bias", .1, d)
	random("encoder/position_encodings/encodings", 1, 1500, d)
	random("decoder/position_encodings/encodings", 1, 448, d)
	random("decoder/embeddings/weight", 1, synthVocab, d)
	synthHalf("encoder", synthEncoder, linear, norm)
	synthHalf("decoder", synthDecoder, linear, norm)
	c.add("encoder/num_heads", ct2Int16, nil, []byte{synthHeads, 0})
	c.add("decoder/num_heads", ct2Int8, nil, []byte{synthHeads})
	c.aliases = [][2]string{{"decoder/projection/weight", "decoder/embeddings/weight"}}
	return c
}

func synthHalf(side string, layers int, linear func(string, int, int), norm func(string)) {
	d := synthWidth
	norm(side)
	for l := range layers {
		layer := fmt.Sprintf("%s/layer_%d", side, l)
		norm(layer + "/self_attention")
		linear(layer+"/self_attention/linear_0", 3*d, d)
		linear(layer+"/self_attention/linear_1", d, d)
		norm(layer + "/ffn")
		linear(layer+"/ffn/linear_0", 4*d, d)
		linear(layer+"/ffn/linear_1", d, 4*d)
		if side == "decoder" {
			norm(layer + "/attention")
			linear(layer+"/attention/linear_0", d, d)
			linear(layer+"/attention/linear_1", 2*d, d)
			linear(layer+"/attention/linear_2", d, d)
		}
	}
}

// openNet opens a net in this process.
func openNet(t testing.TB) OpenNet {
	t.Helper()
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, TimeLimit: groundtest.NetPatience, AnySize: true, Example: example})
	}
}

// opened converts and opens a model; suffix is that of fp32 or int8 files.
func opened(t testing.TB, src string, int8 bool) *Model {
	t.Helper()
	dst := t.TempDir()
	if err := convert(t.Context(), src, dst, int8, "e.onnx", "d.onnx"); err != nil {
		t.Fatal(err)
	}
	m, err := load(t.Context(), dst, openNet(t), "e.onnx", "d.onnx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// tone is a sound that is the same everywhere: a sweep with a little noise.
func tone(seconds float64) []float32 {
	pcm := make([]float32, int(seconds*rate))
	state := uint32(7)
	for i := range pcm {
		t := float64(i) / rate
		state = state*1664525 + 1013904223
		pcm[i] = float32(.3*math.Sin(2*math.Pi*(200+150*t)*t) + .02*(float64(state>>8)/(1<<23)-1))
	}
	return pcm
}

func close32(a, b []float32, within float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d numbers, not %d", len(a), len(b))
	}
	for i := range a {
		if !(math.Abs(float64(a[i]-b[i])) <= within) {
			return fmt.Errorf("number %d is %v, not %v", i, a[i], b[i])
		}
	}
	return nil
}

func ids(words []Word) (all []int) {
	for _, w := range words {
		all = append(all, w.Tokens...)
	}
	return all
}

// scripted is a decoder that says what a test wants: after each run the token
// that next returns, as certain as its second result.
type scripted struct {
	info *Info
	in   []inference.TensorInfo
	out  []inference.TensorInfo
	next func(said []int) map[int]float32
	said []int
	runs int
}

func (s *scripted) Inputs() []inference.TensorInfo  { return s.in }
func (s *scripted) Outputs() []inference.TensorInfo { return s.out }
func (s *scripted) Close() error                    { return nil }

func (s *scripted) Run(ctx context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.runs++
	if past := in[1+2*s.info.DecoderLayers].Shape[1]; past != len(s.said) {
		return nil, fmt.Errorf("%d tokens of the past, not %d", past, len(s.said))
	}
	for _, v := range in[0].Data {
		s.said = append(s.said, int(v))
	}
	k, t := len(in[0].Data), in[1].Shape[3]
	logits := slices.Repeat([]float32{-20}, s.info.Vocabulary)
	for id, v := range s.next(s.said) {
		logits[id] = v
	}
	attention := zeros(1, len(s.info.AlignmentHeads), k, t)
	for h := range s.info.AlignmentHeads {
		for r := range k { // each token looks at 200 ms, behind those of the one before
			for f := range 10 {
				attention.Data[(h*k+r)*t+max(0, min(t-1, (len(s.said)-k+r-slices.Index(s.said, s.info.Start))*10+f))] = 1
			}
		}
	}
	out := []inference.Tensor{{Shape: []int{1, 1, s.info.Vocabulary}, Data: logits}, attention}
	for range 2 * s.info.DecoderLayers {
		out = append(out, zeros(1, k, s.info.Width))
	}
	return out, nil
}

// script returns a model whose decoder is scripted; its encoder is real.
func script(t *testing.T, next func(said []int) map[int]float32) (*Model, *scripted) {
	m := opened(t, synthesize(t, false), false)
	s := &scripted{info: m.info, in: m.decoder.Inputs(), out: m.decoder.Outputs(), next: next}
	n := *m
	n.decoder = s
	return &n, s
}
