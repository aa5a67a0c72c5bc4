package piper

import (
	"context"
	"testing"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/speak"
	"livedub/inference/speak/spoken"
	"livedub/internal/testkit/groundtest"
	"livedub/media/codec"
)

// opener opens nets by the real runtime.
func opener(t *testing.T) spoken.Opener {
	t.Helper()
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, TimeLimit: groundtest.NetPatience, Example: example, AnySize: true})
	}
}

// load opens all voices of a folder.
func load(t *testing.T, dir string) (all []Voice) {
	t.Helper()
	paths, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	open := opener(t)
	for _, p := range paths {
		v, err := Load(t.Context(), p, open)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func espeak(t *testing.T) *speak.Espeak {
	t.Helper()
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// piper opens all voices of a folder as livedub does.
func piper(t *testing.T, dir string) *Piper {
	t.Helper()
	e := espeak(t)
	p, err := New(t.Context(), Config{Voices: load(t, dir), Phonemes: e, Reference: e, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
