package onnxfile

import (
	"fmt"
	"image"

	"livedub/inference/onnx/onnxfile"
)

// The nets of this file have a meaning that is seen in the output frame:
// that a frame went through them is proven by what they did to it.

// CopyReference writes a net with Wav2Lip's tensors that gives the frame
// back as the speaker had it: the upper half of face's channels 0..2 over the
// lower half of its channels 3..5, the reference. The mel is not looked at.
func CopyReference(path string, size int) error {
	g, face := wav2lipKind("copy_reference", size)
	g.overUnder("out", g.channels(face, 0), g.channels(face, 3), size)
	return g.Write(path)
}

// CopyReferenceLatent writes a net of the latent kind that does the same with
// masked and ref. The audio[N,tokens,dim] is not looked at.
func CopyReferenceLatent(path string, size, tokens, dim int) error {
	g := kind{onnxfile.New("copy_reference_latent")}
	g.latentInputs(onnxfile.FP32, size, tokens, dim)
	g.overUnder("out", "masked", "ref", size)
	return g.Write(path)
}

// MouthBox is the part of the frame that PaintByMel paints, in pixels.
func MouthBox(size int) image.Rectangle {
	return image.Rect(size*5/16, size*5/8, size*11/16, size*7/8)
}

// PaintByMel writes a net with Wav2Lip's tensors that gives the reference
// back, but for MouthBox: there channel (0..2, as the net counts) is the
// brightness (mean of the mel window + 4) / 8, kept within 0..1, and the other
// two are 0.
func PaintByMel(path string, size, channel int) error {
	if channel < 0 || channel > 2 {
		return fmt.Errorf("onnxfile: no channel %d: 0, 1 or 2", channel)
	}
	g, face := wav2lipKind("paint_by_mel", size)
	inside := make([]float32, size*size) // 1 in the box
	outside := make([]float32, size*size)
	for i := range inside {
		if image.Pt(i%size, i/size).In(MouthBox(size)) {
			inside[i] = 1
		} else {
			outside[i] = 1
		}
	}
	paint := make([]float32, 0, 3*size*size)
	for c := range 3 {
		if c == channel {
			paint = append(paint, inside...)
		} else {
			paint = append(paint, make([]float32, size*size)...)
		}
	}
	mean := g.Op("ReduceMean", []string{"mel"}, onnxfile.Ints("axes", 1, 2, 3), onnxfile.Int("keepdims", 1))
	mean = g.Op("Add", []string{mean, g.Floats("half_range", onnxfile.FP32, nil, 4)})
	mean = g.Op("Div", []string{mean, g.Floats("range", onnxfile.FP32, nil, 8)})
	mean = g.Op("Clip", []string{mean, g.Floats("least", onnxfile.FP32, nil, 0), g.Floats("most", onnxfile.FP32, nil, 1)})
	kept := g.Op("Mul", []string{g.channels(face, 3), g.Floats("outside", onnxfile.FP32, []int{1, 1, size, size}, outside...)})
	painted := g.Op("Mul", []string{mean, g.Floats("inside", onnxfile.FP32, []int{1, 3, size, size}, paint...)})
	g.Node("Add", []string{kept, painted}, []string{"out"})
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}

// LatentKind writes a small net of the latent kind with random weights:
// masked[N,3,S,S], ref[N,3,S,S] and audio[N,tokens,dim] in, [N,3,S,S] in 0..1
// out. It has the tensors of such nets and a little of everything that they
// are made of, not their size. Size is a multiple of 8.
func LatentKind(path string, size, tokens, dim int, fp16 bool, seed uint64) error {
	if size <= 0 || size%8 != 0 || tokens < 1 || dim < 1 {
		return fmt.Errorf("onnxfile: no latent net of size %d with audio [%d,%d]: a multiple of 8, and at least [1,1]", size, tokens, dim)
	}
	n := newNet("latent_kind", fp16, seed)
	masked, ref, audio := n.in("masked", 3, size, size), n.in("ref", 3, size, size), n.in("audio", tokens, dim)
	x := n.cat(masked, ref)
	for _, to := range []int{16, 32, 64} {
		x = n.relu(n.conv(x, to, window{3, 2, 2, 1, 0}, 1))
	}
	// The audio moves every channel, as attention to it would.
	sound := n.linear(n.to(audio, tokens*dim), 64, true, 1)
	x = n.relu(n.add(x, n.to(sound, 64, 1, 1)))
	for _, to := range []int{32, 16, 16} {
		x = n.relu(n.conv(n.upsampled(x), to, window{3, 1, 1, 1, 0}, 1))
	}
	n.out("out", n.sigmoid(n.conv(x, 3, window{3, 1, 1, 1, 0}, .5)))
	return n.Write(path)
}

// kind is a graph with the tensors of one kind of lip net.
type kind struct{ *onnxfile.Graph }

// wav2lipKind returns a graph with Wav2Lip's inputs, and the name of the face.
func wav2lipKind(name string, size int) (kind, string) {
	g := onnxfile.New(name)
	g.Input("mel", onnxfile.FP32, onnxfile.Batch, 1, 80, 16)
	return kind{g}, g.Input("face", onnxfile.FP32, onnxfile.Batch, 6, size, size)
}

func (g kind) latentInputs(t onnxfile.Type, size, tokens, dim int) {
	g.Input("masked", t, onnxfile.Batch, 3, size, size)
	g.Input("ref", t, onnxfile.Batch, 3, size, size)
	g.Input("audio", t, onnxfile.Batch, tokens, dim)
}

// channels takes three channels of x.
func (g kind) channels(x string, from int) string { return g.slice(x, from, from+3, 1) }

// slice takes a range of one axis.
func (g kind) slice(x string, from, to, axis int) string {
	k := g.Weights()
	return g.Op("Slice", []string{x, g.Ints(fmt.Sprintf("from%d", k), int64(from)),
		g.Ints(fmt.Sprintf("to%d", k), int64(to)), g.Ints(fmt.Sprintf("axis%d", k), int64(axis))})
}

// overUnder makes the output of a's upper and b's lower half.
func (g kind) overUnder(out, a, b string, size int) {
	g.Node("Concat", []string{g.slice(a, 0, size/2, 2), g.slice(b, size/2, size, 2)}, []string{out}, onnxfile.Int("axis", 2))
	g.Output(out, onnxfile.FP32, onnxfile.Batch, 3, size, size)
}
