package onnx

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/onnx/onnxfile"
)

// TestAnySize: a past of no tokens, then of some, is put before new ones; a
// net that was not opened for that refuses the first.
func TestAnySize(t *testing.T) {
	g := onnxfile.New("past")
	p, k := g.Size("p"), g.Size("k")
	g.Input("past", onnxfile.FP32, onnxfile.Batch, p, 2)
	g.Input("new", onnxfile.FP32, onnxfile.Batch, k, 2)
	g.Node("Concat", []string{"past", "new"}, []string{"all"}, onnxfile.Int("axis", 1))
	g.Node("Identity", []string{"new"}, []string{"same"})
	g.Output("all", onnxfile.FP32, onnxfile.Batch, g.Size("q"), 2)
	g.Output("same", onnxfile.FP32, onnxfile.Batch, k, 2)
	path := filepath.Join(t.TempDir(), "past.onnx")
	if err := g.Write(path); err != nil {
		t.Fatal(err)
	}
	in := func(past int, new ...float32) []inference.Tensor {
		return []inference.Tensor{{Shape: []int{1, past, 2}, Data: make([]float32, 2*past)}, {Shape: []int{1, len(new) / 2, 2}, Data: new}}
	}
	for _, any := range []bool{true, false} {
		m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: path, AnySize: any})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for past := range 4 {
			out, err := m.Run(t.Context(), in(past, 1, 2, 3, 4))
			if past == 0 && !any {
				if err == nil || !strings.Contains(err.Error(), `input "past" is empty`) {
					t.Errorf("nothing was taken: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := append(make([]float32, 2*past), 1, 2, 3, 4); !slices.Equal(out[0].Data, want) || !slices.Equal(out[1].Data, want[2*past:]) {
				t.Errorf("a past of %d: %v", past, out)
			}
		}
		empty := in(1, 1, 2)
		empty[0].Shape[0], empty[0].Data = 0, nil
		if _, err := m.Run(t.Context(), empty); err == nil {
			t.Error("a batch of nothing was run")
		}
	}
}
