// Package convert makes the files that engines run out of the files that models come in.
package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"livedub/inference/onnx/onnxfile"
)

// durations is the value inside Kokoro's graph that holds, for each symbol, how
// many frames of 25 ms it lasts.
const durations = "/encoder/Round_output_0"

// ErrNoDurations tells that a file is not the Kokoro export that this conversion knows.
var ErrNoDurations = errors.New("convert: no value " + durations + " in the graph")

// KokoroDurations makes kokoro.onnx in dst out of model.onnx in src: the same
// net, with the durations of its symbols as a second output. Phoneme marks are
// then exact, rather than found by aligning the sound afterwards.
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
	if err := os.WriteFile(filepath.Join(dst, "kokoro.onnx"), append(b, onnxfile.Expose(durations, onnxfile.FP32, "n")...), 0o644); err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	return nil
}
