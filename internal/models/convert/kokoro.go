// Package convert makes the files that engines run out of the files that models come in.
package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// durations is the value inside Kokoro's graph that holds, for each symbol, how
// many frames of 25 ms it lasts.
const durations = "/encoder/Round_output_0"

// ErrNoDurations tells that a file is not the Kokoro export that this conversion knows.
var ErrNoDurations = errors.New("convert: no value " + durations + " in the graph")

// KokoroDurations makes kokoro.onnx in dst out of model.onnx in src: the same
// net, with the durations of its symbols as a second output. Phoneme marks are
// then exact, rather than found by aligning the sound afterwards.
//
// An ONNX file is one protobuf message, and a protobuf reader merges a field that
// comes twice: a second graph that holds nothing but one more output, appended to
// the file, adds that output to the first. The 92 MB before it stay as they are.
func KokoroDurations(ctx context.Context, src, dst string) error {
	b, err := os.ReadFile(filepath.Join(src, "model.onnx"))
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	if !bytes.Contains(b, []byte(durations)) {
		return ErrNoDurations
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dst, "kokoro.onnx"), append(b, moreOutput()...), 0o644); err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	return nil
}

// moreOutput returns a ModelProto that has nothing but one output: durations,
// a tensor of float32 with one open dimension, which ONNX Runtime wants declared.
func moreOutput() []byte {
	const (
		modelGraph  = 7<<3 | 2
		graphOutput = 12<<3 | 2
		infoName    = 1<<3 | 2
		infoType    = 2<<3 | 2
		typeTensor  = 1<<3 | 2
		elemType    = 1 << 3
		shape       = 2<<3 | 2
		dim         = 1<<3 | 2
		dimParam    = 2<<3 | 2
		fp32        = 1
	)
	open := field(dim, field(dimParam, []byte("n")))
	tensor := append([]byte{elemType, fp32}, field(shape, open)...)
	info := append(field(infoName, []byte(durations)), field(infoType, field(typeTensor, tensor))...)
	return field(modelGraph, field(graphOutput, info))
}

// field returns a field of a protobuf message whose content is shorter than 128 bytes.
func field(tag byte, content []byte) []byte {
	return append([]byte{tag, byte(len(content))}, content...)
}
