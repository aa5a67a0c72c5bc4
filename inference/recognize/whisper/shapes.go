package whisper

import (
	"fmt"
	"slices"
)

// checkShapes wants every tensor that the graphs are made of, in its shape.
func (f *ct2File) checkShapes(i *Info) error {
	d := i.Width
	want := map[string][]int{
		"encoder/conv1/weight": {d, i.Mels, 3}, "encoder/conv1/bias": {d},
		"encoder/conv2/weight": {d, d, 3}, "encoder/conv2/bias": {d},
		"encoder/position_encodings/encodings": {i.AudioContext, d},
		"decoder/position_encodings/encodings": {i.TextContext, d},
		"decoder/embeddings/weight":            {i.Vocabulary, d},
		"decoder/projection/weight":            {i.Vocabulary, d},
	}
	linear := func(name string, out, in int) { want[name+"/weight"], want[name+"/bias"] = []int{out, in}, []int{out} }
	norm := func(name string) {
		want[name+"/layer_norm/gamma"], want[name+"/layer_norm/beta"] = []int{d}, []int{d}
	}
	half := func(name string, layers int) {
		norm(name)
		for l := range layers {
			layer := fmt.Sprintf("%s/layer_%d", name, l)
			norm(layer + "/self_attention")
			linear(layer+"/self_attention/linear_0", 3*d, d)
			linear(layer+"/self_attention/linear_1", d, d)
			norm(layer + "/ffn")
			linear(layer+"/ffn/linear_0", 4*d, d)
			linear(layer+"/ffn/linear_1", d, 4*d)
			if name == "decoder" {
				norm(layer + "/attention")
				linear(layer+"/attention/linear_0", d, d)
				linear(layer+"/attention/linear_1", 2*d, d)
				linear(layer+"/attention/linear_2", d, d)
			}
		}
	}
	half("encoder", i.EncoderLayers)
	half("decoder", i.DecoderLayers)
	for name, shape := range want {
		v, ok := f.vars[name]
		switch {
		case !ok:
			return fmt.Errorf("model.bin has no %q: this is no Whisper model", name)
		case !slices.Equal(v.shape, shape):
			return fmt.Errorf("model.bin has %q in the shape %v, not %v", name, v.shape, shape)
		case v.typ != ct2Float && v.typ != ct2Half:
			return fmt.Errorf("model.bin has %q quantised: take the model in float16 or float32, it is quantised here", name)
		}
	}
	return nil
}
