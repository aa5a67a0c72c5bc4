package spoken

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"livedub/inference"
	"livedub/inference/onnx/onnxfile"
)

// Opener opens the net in a file; example makes what it is tried with. A model that
// will want the file again, until it is closed, is a Keeper.
type Opener func(ctx context.Context, path string, example func(batch int) []inference.Tensor) (inference.Model, error)

// Keeper is a model that wants its file until it is closed.
type Keeper interface{ OnClose(fn func()) }

// OpenExposed opens a net, given as the bytes of its file, with a value inside its
// graph as one more output: the durations, as a rule. The value is of fp32 or fp16.
func OpenExposed(ctx context.Context, net []byte, value string, open Opener, example func(int) []inference.Tensor) (inference.Model, error) {
	dir, err := os.MkdirTemp("", "livedub-voice-")
	if err != nil {
		return nil, err
	}
	kept := false
	defer func() {
		if !kept {
			os.RemoveAll(dir)
		}
	}()
	path := filepath.Join(dir, "voice.onnx")
	var failed error
	for _, t := range []onnxfile.Type{onnxfile.FP32, onnxfile.FP16} { // which, the runtime alone knows
		if err := os.WriteFile(path, slices.Concat(net, onnxfile.Expose(value, t)), 0o600); err != nil {
			return nil, err
		}
		m, err := open(ctx, path, example)
		if k, ok := m.(Keeper); ok && err == nil {
			kept = true
			k.OnClose(func() { os.RemoveAll(dir) })
		}
		if err == nil || ctx.Err() != nil {
			return m, err
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}
