package onnxfile

import (
	"path/filepath"
	"strconv"
	"strings"

	"livedub/inference/onnx/onnxfile"
)

const (
	senseLoud  = 8. // mean of log-mel features, of samples of 16 bits, from which a frame is loud
	senseEvery = 3  // frames of 60 ms that are loud, for each piece
	senseWidth = 7 * 80
)

// SenseLanguages are those of SenseVoice, in the order of the synthetic net's tokens.
var SenseLanguages = []string{"zh", "en", "yue", "ja", "ko"}

// SenseVoice writes a net of SenseVoice's kind with its tokens.txt into a folder.
// It is a synthetic net: it knows no speech. It says the pieces in order, one at the
// beginning of every 180 ms of loud sound, and nothing once all are said. Before
// them it names the language that it was told, Korean where it was told none.
func SenseVoice(dir string, pieces ...string) error {
	symbols := []string{"<unk>", "<|NEUTRAL|>", "<|Speech|>", "<|withitn|>"}
	for _, l := range SenseLanguages {
		symbols = append(symbols, "<|"+l+"|>")
	}
	first := len(symbols)
	symbols = append(symbols, pieces...)
	if err := writeTokens(dir, symbols); err != nil {
		return err
	}
	size := len(symbols)

	g := onnxfile.New("sense_voice")
	g.Input("x", onnxfile.FP32, onnxfile.Batch, g.Size("frames"), senseWidth)
	g.Input("x_length", onnxfile.Int32, onnxfile.Batch)
	g.Input("language", onnxfile.Int32, onnxfile.Batch)
	g.Input("text_norm", onnxfile.Int32, onnxfile.Batch)
	level := g.Op("ReduceMean", []string{"x"}, onnxfile.Ints("axes", 2), onnxfile.Int("keepdims", 0))
	loud := cast(g, g.Op("Greater", []string{level, g.Floats("loud", onnxfile.FP32, nil, senseLoud)}), onnxfile.FP32)
	begins := g.Op("Mul", []string{firstOf(g, loud, 1, senseEvery), loud})
	count := g.Op("CumSum", []string{begins, g.Ints("time", 1)})
	said := g.Op("Mul", []string{count, begins}) // 1 for the first piece, 0 for none
	there := cast(g, g.Op("Less", []string{said, g.Floats("all", onnxfile.FP32, nil, float32(len(pieces))+.5)}), onnxfile.FP32)
	said = cast(g, g.Op("Mul", []string{said, there}), onnxfile.Int64)
	frames := g.Op("Gather", []string{oneOf(g, "pieces", size, func(i int) int {
		if i == 0 {
			return 0
		}
		return first + i - 1
	}, len(pieces)+1), said}, onnxfile.Int("axis", 0))

	// The language's number is that of its token among the languages, and 0 for none.
	language := g.Op("Gather", []string{oneOf(g, "languages", size, func(i int) int {
		if i == 0 {
			return first - 1 // Korean
		}
		return 3 + i
	}, len(SenseLanguages)+1), cast(g, "language", onnxfile.Int64)}, onnxfile.Int("axis", 0))
	language = g.Op("Unsqueeze", []string{language, g.Ints("after_batch", 1)})
	rest := g.Op("Unsqueeze", []string{oneOf(g, "rest", size, func(i int) int { return i + 1 }, 3), g.Ints("before", 0)})
	g.Node("Concat", []string{language, rest, frames}, []string{"logits"}, onnxfile.Int("axis", 1))
	g.Output("logits", onnxfile.FP32, onnxfile.Batch, g.Size("steps"), size)

	numbers := map[string]int{"vocab_size": size, "lfr_window_size": 7, "lfr_window_shift": 6, "normalize_samples": 0, "with_itn": 14, "without_itn": 15, "lang_auto": 0}
	for i, l := range SenseLanguages {
		numbers["lang_"+l] = i + 1
	}
	for key, value := range numbers {
		g.Meta(key, strconv.Itoa(value))
	}
	g.Meta("neg_mean", strings.Repeat("0,", senseWidth-1)+"0")
	g.Meta("inv_stddev", strings.Repeat("1,", senseWidth-1)+"1")
	g.Meta("model_type", "sense_voice_ctc")
	return g.Write(filepath.Join(dir, "model.int8.onnx"))
}

// oneOf adds rows of size numbers, in each of which one stands out.
func oneOf(g *onnxfile.Graph, name string, size int, which func(row int) int, rows int) string {
	data := make([]float32, rows*size)
	for i := range rows {
		data[i*size+which(i)] = 10
	}
	return g.Floats(name, onnxfile.FP32, []int{rows, size}, data...)
}
