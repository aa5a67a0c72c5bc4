package onnxfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"livedub/inference/onnx/onnxfile"
)

const (
	transducerChunk = 16  // frames of 10 ms that the encoder takes at once
	transducerLoud  = -9. // mean of log-mel features from which a frame is loud
	transducerEvery = 4   // frames of 40 ms that are loud, for each piece
)

// Transducer writes a streaming transducer of the smallest kind that sherpa-onnx
// runs, an "lstm", with its tokens.txt, into a folder. It is a synthetic net: it
// knows no speech. From the start of a stream on it says the pieces in order, one
// at the beginning of every 160 ms of loud sound, each with a probability of .87,
// and nothing once all are said. A piece that begins a word begins with U+2581.
func Transducer(dir string, pieces ...string) error {
	symbols := append([]string{"<blk>", "<sos/eos>", "<unk>"}, pieces...)
	if err := writeTokens(dir, symbols); err != nil {
		return err
	}
	for name, write := range map[string]func(path string) error{
		"encoder.onnx": transducerEncoder,
		"decoder.onnx": func(path string) error { return transducerDecoder(path, len(symbols)) },
		"joiner.onnx":  func(path string) error { return transducerJoiner(path, len(symbols)) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// writeTokens writes tokens.txt: a net's symbols and their numbers.
func writeTokens(dir string, symbols []string) error {
	var tokens strings.Builder
	for i, s := range symbols {
		fmt.Fprintf(&tokens, "%s %d\n", s, i)
	}
	return os.WriteFile(filepath.Join(dir, "tokens.txt"), []byte(tokens.String()), 0o600)
}

func cast(g *onnxfile.Graph, value string, to onnxfile.Type) string {
	return g.Op("Cast", []string{value}, onnxfile.Int("to", int(to)))
}

// firstOf tells of zeros and ones along an axis which is the first of each so many ones, as 1 or 0.
func firstOf(g *onnxfile.Graph, ones string, axis, every int) string {
	sum := g.Op("CumSum", []string{ones, g.Ints("along_time", int64(axis))})
	phase := g.Op("Mod", []string{sum, g.Floats("every", onnxfile.FP32, nil, float32(every))}, onnxfile.Int("fmod", 1))
	return cast(g, g.Op("Equal", []string{phase, g.Floats("one", onnxfile.FP32, nil, 1)}), onnxfile.FP32)
}

// transducerEncoder tells for each 40 ms whether a piece begins: 1 or 0. Its
// state h counts the loud frames so far; c is not used.
func transducerEncoder(path string) error {
	g := onnxfile.New("transducer_encoder")
	const frames = transducerChunk / 4
	g.Input("x", onnxfile.FP32, onnxfile.Batch, transducerChunk, 80)
	g.Input("h", onnxfile.FP32, 1, g.Size("n"), 1)
	g.Input("c", onnxfile.FP32, 1, g.Size("n"), 1)
	level := g.Op("ReduceMean", []string{"x"}, onnxfile.Ints("axes", 2), onnxfile.Int("keepdims", 0))
	level = g.Op("Reshape", []string{level, g.Ints("by_four", -1, frames, 4)})
	level = g.Op("ReduceMin", []string{level}, onnxfile.Ints("axes", 2), onnxfile.Int("keepdims", 0))
	loud := g.Op("Cast", []string{g.Op("Greater", []string{level, g.Floats("loud", onnxfile.FP32, nil, transducerLoud)})}, onnxfile.Int("to", int(onnxfile.FP32)))
	before := g.Op("Reshape", []string{"h", g.Ints("column", -1, 1)})
	sum := g.Op("Add", []string{g.Op("CumSum", []string{loud, g.Ints("axis", 1)}), before})
	phase := g.Op("Mod", []string{sum, g.Floats("every", onnxfile.FP32, nil, transducerEvery)}, onnxfile.Int("fmod", 1))
	first := g.Op("Cast", []string{g.Op("Equal", []string{phase, g.Floats("one", onnxfile.FP32, nil, 1)})}, onnxfile.Int("to", int(onnxfile.FP32)))
	begins := g.Op("Mul", []string{first, loud})
	g.Node("Reshape", []string{begins, g.Ints("frames", -1, frames, 1)}, []string{"encoder_out"})
	last := g.Op("Slice", []string{sum, g.Ints("from", frames-1), g.Ints("to", frames), g.Ints("along", 1)})
	g.Node("Reshape", []string{last, g.Ints("state", 1, -1, 1)}, []string{"next_h"})
	g.Node("Identity", []string{"c"}, []string{"next_c"})
	g.Output("encoder_out", onnxfile.FP32, onnxfile.Batch, frames, 1)
	g.Output("next_h", onnxfile.FP32, 1, g.Size("n"), 1)
	g.Output("next_c", onnxfile.FP32, 1, g.Size("n"), 1)
	for key, value := range map[string]int{"num_encoder_layers": 1, "T": transducerChunk, "decode_chunk_len": transducerChunk, "rnn_hidden_size": 1, "d_model": 1} {
		g.Meta(key, strconv.Itoa(value))
	}
	g.Meta("model_type", "lstm")
	return g.Write(path)
}

// transducerDecoder gives for the last of two tokens the one that follows.
func transducerDecoder(path string, size int) error {
	const sure = 14
	g := onnxfile.New("transducer_decoder")
	g.Input("y", onnxfile.Int64, onnxfile.Batch, 2)
	next := make([]float32, size*size)
	next[3] = sure // the first piece follows the blank
	for i := 3; i+1 < size; i++ {
		next[i*size+i+1] = sure
	}
	last := g.Op("Gather", []string{"y", g.Ints("last", 1)}, onnxfile.Int("axis", 1))
	last = g.Op("Reshape", []string{last, g.Ints("row", -1)})
	g.Node("Gather", []string{g.Floats("next", onnxfile.FP32, []int{size, size}, next...), last}, []string{"decoder_out"}, onnxfile.Int("axis", 0))
	g.Output("decoder_out", onnxfile.FP32, onnxfile.Batch, size)
	g.Meta("vocab_size", strconv.Itoa(size))
	g.Meta("context_size", "2")
	return g.Write(path)
}

// transducerJoiner says the piece that follows where one begins, else the blank.
func transducerJoiner(path string, size int) error {
	g := onnxfile.New("transducer_joiner")
	g.Input("encoder_out", onnxfile.FP32, onnxfile.Batch, 1)
	g.Input("decoder_out", onnxfile.FP32, onnxfile.Batch, size)
	blank := make([]float32, size)
	blank[0] = 10
	g.Node("Add", []string{g.Op("Mul", []string{"encoder_out", "decoder_out"}), g.Floats("blank", onnxfile.FP32, []int{size}, blank...)}, []string{"logit"})
	g.Output("logit", onnxfile.FP32, onnxfile.Batch, size)
	g.Meta("joiner_dim", "1")
	return g.Write(path)
}
