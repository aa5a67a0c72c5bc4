package whisper

import (
	"fmt"
	"io"
	"math"

	"livedub/inference/onnx/onnxfile"
)

// The encoder takes mel[N, bands, T], T at most twice the audio context, and
// gives, for each layer l of the decoder, the keys cross_k_l[N, heads, width/heads, t]
// and values cross_v_l[N, heads, t, width/heads] of the sound, t = ceil(T/2).
func encoderGraph(f *ct2File, info *Info, int8 bool) (*onnxfile.Graph, error) {
	b := newBuilder("whisper_encoder", f, info, int8)
	d, each := info.Width, info.Width/info.Heads
	x := b.Input("mel", onnxfile.FP32, onnxfile.Batch, info.Mels, b.Size("T"))
	for i, stride := range []int{1, 2} {
		conv := fmt.Sprintf("encoder/conv%d", i+1)
		x = b.gelu(b.Op("Conv", []string{x, b.whole(conv + "/weight"), b.whole(conv + "/bias")},
			onnxfile.Ints("kernel_shape", 3), onnxfile.Ints("pads", 1, 1), onnxfile.Ints("strides", stride)))
	}
	x = b.Op("Transpose", []string{x}, onnxfile.Ints("perm", 0, 2, 1))
	rows := b.slice(b.op("Shape", x), b.ints(1), b.ints(2), 0)
	x = b.op("Add", x, b.slice(b.whole("encoder/position_encodings/encodings"), b.ints(0), rows, 0))
	for l := range info.EncoderLayers {
		layer := fmt.Sprintf("encoder/layer_%d", l)
		self := layer + "/self_attention"
		y := b.norm(x, self+"/layer_norm")
		q, k, v := b.linear(y, self+"/linear_0", 0, d, true), b.linear(y, self+"/linear_0", d, 2*d, true), b.linear(y, self+"/linear_0", 2*d, 3*d, true)
		y, _ = b.attend(q, b.keys(k), b.values(v), "")
		x = b.op("Add", x, b.linear(y, self+"/linear_1", 0, d, true))
		x = b.feedForward(x, layer+"/ffn")
	}
	x = b.norm(x, "encoder/layer_norm")
	t := b.Size("t")
	for l := range info.DecoderLayers {
		cross := fmt.Sprintf("decoder/layer_%d/attention/linear_1", l)
		k, v := fmt.Sprintf("cross_k_%d", l), fmt.Sprintf("cross_v_%d", l)
		b.Node("Identity", []string{b.keys(b.linear(x, cross, 0, d, true))}, []string{k})
		b.Node("Identity", []string{b.values(b.linear(x, cross, d, 2*d, true))}, []string{v})
		b.Output(k, onnxfile.FP32, onnxfile.Batch, info.Heads, each, t)
		b.Output(v, onnxfile.FP32, onnxfile.Batch, info.Heads, t, each)
	}
	return b.Graph, b.err
}

// The decoder takes tokens[N, k], what the encoder gave, and the keys and
// values past_k_l, past_v_l [N, p, width] of the p tokens before, which may be
// none. It gives the logits[N, 1, vocabulary] after the last token, attention
// [N, alignment heads, k, t], which tells where in the sound each token looked,
// and the keys and values new_k_l, new_v_l [N, k, width] of the new tokens, to
// be put behind those of the past.
func decoderGraph(f *ct2File, info *Info, int8 bool) (*onnxfile.Graph, error) {
	b := newBuilder("whisper_decoder", f, info, int8)
	d, each := info.Width, info.Width/info.Heads
	k, p, t := b.Size("k"), b.Size("p"), b.Size("t")
	tokens := b.Input("tokens", onnxfile.Int64, onnxfile.Batch, k)
	type pair struct{ k, v string }
	cross, past := make([]pair, info.DecoderLayers), make([]pair, info.DecoderLayers)
	for l := range cross {
		cross[l].k = b.Input(fmt.Sprintf("cross_k_%d", l), onnxfile.FP32, onnxfile.Batch, info.Heads, each, t)
		cross[l].v = b.Input(fmt.Sprintf("cross_v_%d", l), onnxfile.FP32, onnxfile.Batch, info.Heads, t, each)
	}
	for l := range past {
		past[l].k = b.Input(fmt.Sprintf("past_k_%d", l), onnxfile.FP32, onnxfile.Batch, p, d)
		past[l].v = b.Input(fmt.Sprintf("past_v_%d", l), onnxfile.FP32, onnxfile.Batch, p, d)
	}
	b.Output("logits", onnxfile.FP32, onnxfile.Batch, 1, info.Vocabulary)
	b.Output("attention", onnxfile.FP32, onnxfile.Batch, len(info.AlignmentHeads), k, t)

	from := b.slice(b.op("Shape", past[0].k), b.ints(1), b.ints(2), 0)
	to := b.op("Add", from, b.slice(b.op("Shape", tokens), b.ints(1), b.ints(2), 0))
	x := b.op("Add", b.embed(tokens), b.slice(b.whole("decoder/position_encodings/encodings"), from, to, 0))
	mask := b.slice(b.slice(b.mask(), from, to, 0), b.ints(0), to, 1)
	heads := make([]string, len(info.AlignmentHeads))
	for l := range info.DecoderLayers {
		layer := fmt.Sprintf("decoder/layer_%d", l)
		self := layer + "/self_attention"
		y := b.norm(x, self+"/layer_norm")
		q := b.linear(y, self+"/linear_0", 0, d, true)
		with := func(past, new string, from, to int) string {
			b.Node("Identity", []string{b.linear(y, self+"/linear_0", from, to, true)}, []string{new})
			b.Output(new, onnxfile.FP32, onnxfile.Batch, k, d)
			return b.Op("Concat", []string{past, new}, onnxfile.Int("axis", 1))
		}
		keys := with(past[l].k, fmt.Sprintf("new_k_%d", l), d, 2*d)
		values := with(past[l].v, fmt.Sprintf("new_v_%d", l), 2*d, 3*d)
		y, _ = b.attend(q, b.keys(keys), b.values(values), mask)
		x = b.op("Add", x, b.linear(y, self+"/linear_1", 0, d, true))

		other := layer + "/attention"
		y = b.norm(x, other+"/layer_norm")
		y, weights := b.attend(b.linear(y, other+"/linear_0", 0, d, true), cross[l].k, cross[l].v, "")
		x = b.op("Add", x, b.linear(y, other+"/linear_2", 0, d, true))
		for i, h := range info.AlignmentHeads {
			if h[0] == l {
				heads[i] = b.Op("Gather", []string{weights, b.ints(int64(h[1]))}, onnxfile.Int("axis", 1))
			}
		}
		x = b.feedForward(x, layer+"/ffn")
	}
	b.Node("Concat", heads, []string{"attention"}, onnxfile.Int("axis", 1))
	x = b.slice(x, b.ints(-1), b.ints(math.MaxInt64), 1)
	x = b.linear(b.norm(x, "decoder/layer_norm"), "decoder/projection", 0, info.Vocabulary, false)
	b.Node("Identity", []string{x}, []string{"logits"})
	return b.Graph, b.err
}

// embed looks tokens up. The table stays in fp16 where it came so: its numbers
// are the same and it is the largest of all weights.
func (b *builder) embed(tokens string) string {
	const name = "decoder/embeddings/weight"
	v := b.f.vars[name]
	if v.typ == ct2Float {
		return b.op("Gather", b.whole(name), tokens)
	}
	table := b.Stream(name, onnxfile.FP16, v.shape, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(b.f.r, v.at, v.size))
		return err
	})
	return b.Op("Cast", []string{b.op("Gather", table, tokens)}, onnxfile.Int("to", int(onnxfile.FP32)))
}

// mask keeps a token from looking at those behind it.
func (b *builder) mask() string {
	n := b.info.TextContext
	return b.Stream("mask", onnxfile.FP32, []int{n, n}, func(w io.Writer) error {
		row := make([]float32, n)
		for i := range row {
			row[i] = -1e9
		}
		for i := range n {
			row[i] = 0
			if err := writeFloats(w, row); err != nil {
				return err
			}
		}
		return nil
	})
}
