package onnxfile

import (
	"fmt"
	"math"
	"os"

	"livedub/inference/onnx/onnxfile"
)

// Hostile are files that a node has to survive, by name. A runtime opens all
// but "truncated" and "no_model"; all but the "wrong_" ones declare Wav2Lip's
// tensors. "huge_tensor" wants 10 GiB an item.
var Hostile = map[string]func(path string, size int) error{
	"endless_loop":   EndlessLoop,
	"truncated":      Truncated,
	"no_model":       NoModel,
	"nan":            NaN,
	"out_of_range":   OutOfRange,
	"wrong_output":   WrongOutput,
	"wrong_inputs":   WrongInputs,
	"wrong_type":     WrongType,
	"lying_about_it": LyingAboutIt,
	"huge_tensor":    func(path string, size int) error { return HugeTensor(path, size, 10<<30) },
}

// EndlessLoop writes a net that never ends and needs no more memory while it runs.
func EndlessLoop(path string, size int) error {
	g, face := wav2lipKind("endless_loop", size)
	body := onnxfile.New("body")
	body.Input("i", onnxfile.Int64)
	body.Input("go", onnxfile.Bool)
	body.Input("x", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	body.Node("Identity", []string{"go"}, []string{"go_on"})
	body.Node("Mul", []string{"x", body.Floats("nearly_one", onnxfile.FP32, nil, .999)}, []string{"x_next"})
	body.Output("go_on", onnxfile.Bool)
	body.Output("x_next", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	// True as long as there is a batch: a condition that no optimiser works out.
	batch := g.slice(g.Op("Shape", []string{face}), 0, 1, 0)
	always := g.Op("Greater", []string{g.Op("Squeeze", []string{batch}), g.Op("Squeeze", []string{g.Ints("zero", 0)})})
	g.Node("Loop", []string{"", always, g.channels(face, 3)}, []string{"out"}, onnxfile.Sub("body", body))
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}

// HugeTensor writes a net that asks for a tensor of the given bytes for every
// item of the batch, at run time: its size follows from the input's.
func HugeTensor(path string, size int, bytes int64) error {
	g, face := wav2lipKind("huge_tensor", size)
	batch := g.slice(g.Op("Shape", []string{face}), 0, 1, 0)
	huge := g.Op("ConstantOfShape", []string{g.Op("Mul", []string{batch, g.Ints("elements", bytes/onnxfile.FP32.Size())})})
	sum := g.Op("ReduceSum", []string{huge, g.Ints("axes", 0)}, onnxfile.Int("keepdims", 1))
	g.Node("Add", []string{g.channels(face, 3), sum}, []string{"out"})
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}

// Truncated writes the first half of a good file.
func Truncated(path string, size int) error {
	if err := PaintByMel(path, size, 0); err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, st.Size()/2)
	}
	if err != nil {
		return fmt.Errorf("onnxfile: %w", err)
	}
	return nil
}

// NoModel writes bytes that are no ONNX at all.
func NoModel(path string, size int) error {
	junk := make([]byte, 100*size)
	r := random(1)
	for i := range junk {
		junk[i] = byte(r.next())
	}
	if err := os.WriteFile(path, junk, 0o644); err != nil {
		return fmt.Errorf("onnxfile: %w", err)
	}
	return nil
}

// NaN writes a net whose output is the reference with NaN in every pixel of
// the lower half.
func NaN(path string, size int) error {
	g, face := wav2lipKind("nan", size)
	ref := g.channels(face, 3)
	g.overUnder("out", ref, g.Op("Mul", []string{ref, g.Floats("nan", onnxfile.FP32, nil, float32(math.NaN()))}), size)
	return g.Write(path)
}

// OutOfRange writes a net whose output is 50 times the reference less 20.
func OutOfRange(path string, size int) error {
	g, face := wav2lipKind("out_of_range", size)
	x := g.Op("Mul", []string{g.channels(face, 3), g.Floats("times", onnxfile.FP32, nil, 50)})
	g.Node("Sub", []string{x, g.Floats("less", onnxfile.FP32, nil, 20)}, []string{"out"})
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}

// WrongOutput writes a net that gives, and declares, half the rows.
func WrongOutput(path string, size int) error {
	g, face := wav2lipKind("wrong_output", size)
	g.Node("Identity", []string{g.slice(g.channels(face, 3), 0, size/2, 2)}, []string{"out"})
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size/2, size)
	return g.Write(path)
}

// WrongInputs writes a net of three inputs that no kind has.
func WrongInputs(path string, size int) error {
	g := kind{onnxfile.New("wrong_inputs")}
	g.Input("a", onnxfile.FP32, onnxfile.Batch, 7)
	g.Input("b", onnxfile.FP32, onnxfile.Batch, 5, size, size)
	g.Input("c", onnxfile.FP32, 3)
	g.Node("Identity", []string{g.channels("b", 0)}, []string{"out"})
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}

// WrongType writes a net with Wav2Lip's shapes whose output is int64.
func WrongType(path string, size int) error {
	g, face := wav2lipKind("wrong_type", size)
	g.Node("Cast", []string{g.channels(face, 3)}, []string{"out"}, onnxfile.Int("to", int(onnxfile.Int64)))
	g.Output("out", onnxfile.Int64, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}

// LyingAboutIt writes a net that declares one item out for each item in, and
// gives one in all.
func LyingAboutIt(path string, size int) error {
	g, face := wav2lipKind("lying_about_it", size)
	g.Node("ReduceMean", []string{g.channels(face, 3)}, []string{"out"}, onnxfile.Ints("axes", 0), onnxfile.Int("keepdims", 1))
	g.Output("out", onnxfile.FP32, onnxfile.Batch, 3, size, size)
	return g.Write(path)
}
