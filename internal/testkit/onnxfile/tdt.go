package onnxfile

import (
	"path/filepath"
	"strconv"

	"livedub/inference/onnx/onnxfile"
)

const (
	tdtStep  = 8    // frames of 10 ms that the encoder makes one of
	tdtLoud  = -12. // mean of log-mel features from which a frame is loud
	tdtEvery = 2    // frames of 80 ms that are loud, for each piece
)

// TDT writes a transducer of the kind of NeMo's Parakeet, which tells with each
// piece how long it lasts, with its tokens.txt, into a folder. It is a synthetic
// net: it knows no speech. It says the pieces in order, one at the beginning of
// every 160 ms of loud sound, each with a probability of .98, and nothing once all
// are said. A piece that begins a word begins with U+2581.
func TDT(dir string, pieces ...string) error {
	symbols := append(append([]string{"<unk>"}, pieces...), "<blk>")
	if err := writeTokens(dir, symbols); err != nil {
		return err
	}
	if err := tdtEncoder(filepath.Join(dir, "encoder.int8.onnx"), len(symbols)); err != nil {
		return err
	}
	if err := tdtDecoder(filepath.Join(dir, "decoder.int8.onnx"), len(symbols)); err != nil {
		return err
	}
	return tdtJoiner(filepath.Join(dir, "joiner.int8.onnx"), len(symbols))
}

// tdtEncoder tells for each 80 ms whether a piece begins: 1 or 0.
func tdtEncoder(path string, size int) error {
	g := onnxfile.New("tdt_encoder")
	g.Input("audio_signal", onnxfile.FP32, onnxfile.Batch, 80, g.Size("frames"))
	g.Input("length", onnxfile.Int64, onnxfile.Batch)
	level := g.Op("ReduceMean", []string{"audio_signal"}, onnxfile.Ints("axes", 1), onnxfile.Int("keepdims", 1))
	quietest := g.Op("Neg", []string{g.Op("MaxPool", []string{g.Op("Neg", []string{level})},
		onnxfile.Ints("kernel_shape", tdtStep), onnxfile.Ints("strides", tdtStep))})
	loud := cast(g, g.Op("Greater", []string{quietest, g.Floats("loud", onnxfile.FP32, nil, tdtLoud)}), onnxfile.FP32)
	g.Node("Mul", []string{firstOf(g, loud, 2, tdtEvery), loud}, []string{"outputs"})
	g.Node("Div", []string{"length", g.Ints("step", tdtStep)}, []string{"encoded_lengths"})
	g.Output("outputs", onnxfile.FP32, onnxfile.Batch, 1, g.Size("steps"))
	g.Output("encoded_lengths", onnxfile.Int64, onnxfile.Batch)
	for key, value := range map[string]int{
		"vocab_size":         size - 1, // the blank is not counted
		"subsampling_factor": tdtStep, "pred_rnn_layers": 1, "pred_hidden": 1, "feat_dim": 80,
	} {
		g.Meta(key, strconv.Itoa(value))
	}
	g.Meta("normalize_type", "")
	g.Meta("model_type", "EncDecRNNTBPEModel")
	g.Meta("url", "https://models.example/synthetic-tdt")
	return g.Write(path)
}

// tdtDecoder gives for the last token the one that follows. Its states are not used.
func tdtDecoder(path string, size int) error {
	const sure = 14
	g := onnxfile.New("tdt_decoder")
	g.Input("targets", onnxfile.Int32, onnxfile.Batch, 1)
	g.Input("target_length", onnxfile.Int32, onnxfile.Batch)
	g.Input("states", onnxfile.FP32, 1, onnxfile.Batch, 1)
	g.Input("cells", onnxfile.FP32, 1, onnxfile.Batch, 1)
	next := make([]float32, size*size)
	blank := size - 1
	if size > 2 {
		next[blank*size+1] = sure // the first piece follows the blank
	}
	for i := 1; i+1 < blank; i++ {
		next[i*size+i+1] = sure
	}
	row := g.Op("Gather", []string{g.Floats("next", onnxfile.FP32, []int{size, size}, next...), "targets"}, onnxfile.Int("axis", 0))
	g.Node("Transpose", []string{row}, []string{"outputs"}, onnxfile.Ints("perm", 0, 2, 1))
	g.Node("Identity", []string{"target_length"}, []string{"prednet_lengths"})
	g.Node("Identity", []string{"states"}, []string{"next_states"})
	g.Node("Identity", []string{"cells"}, []string{"next_cells"})
	g.Output("outputs", onnxfile.FP32, onnxfile.Batch, size, 1)
	g.Output("prednet_lengths", onnxfile.Int32, onnxfile.Batch)
	g.Output("next_states", onnxfile.FP32, 1, onnxfile.Batch, 1)
	g.Output("next_cells", onnxfile.FP32, 1, onnxfile.Batch, 1)
	return g.Write(path)
}

// tdtJoiner says the piece that follows where one begins, else the blank, and of
// five durations always one step.
func tdtJoiner(path string, size int) error {
	g := onnxfile.New("tdt_joiner")
	g.Input("encoder_outputs", onnxfile.FP32, onnxfile.Batch, 1, 1)
	g.Input("decoder_outputs", onnxfile.FP32, onnxfile.Batch, size, 1)
	blank := make([]float32, size)
	blank[size-1] = 10
	said := g.Op("Add", []string{g.Op("Mul", []string{"encoder_outputs", "decoder_outputs"}), g.Floats("blank", onnxfile.FP32, []int{size, 1}, blank...)})
	said = g.Op("Reshape", []string{said, g.Ints("row", 1, 1, 1, int64(size))})
	durations := g.Floats("durations", onnxfile.FP32, []int{1, 1, 1, 5}, 0, 1, 0, 0, 0)
	g.Node("Concat", []string{said, durations}, []string{"logits"}, onnxfile.Int("axis", 3))
	g.Output("logits", onnxfile.FP32, 1, 1, 1, size+5)
	return g.Write(path)
}
