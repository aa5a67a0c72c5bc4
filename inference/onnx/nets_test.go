package onnx

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/internal/testkit/onnxfile"
)

// randomInputs fills a batch for m with numbers of 0..1 that differ by item.
func randomInputs(m *Model, batch int) []inference.Tensor {
	var in []inference.Tensor
	seed := uint32(batch)
	for _, info := range m.Inputs() {
		t := inference.Tensor{Shape: slices.Clone(info.Shape)}
		if t.Shape[0] < 0 {
			t.Shape[0] = batch
		}
		n, _ := elements(t.Shape)
		for range n {
			seed = seed*1664525 + 1013904223
			t.Data = append(t.Data, float32(seed>>8)/(1<<24))
		}
		in = append(in, t)
	}
	return in
}

// An item's result is its own, whatever else is in the batch, in fp32 and fp16.
func TestBatchesOfALipNet(t *testing.T) {
	for _, fp16 := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "net.onnx")
		if err := onnxfile.LatentKind(path, 32, 4, 8, fp16, 1); err != nil {
			t.Fatal(err)
		}
		m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: path, Warm: []int{1, 4}, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		all := randomInputs(m, 4)
		together, err := m.Run(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		tolerance := 1e-5
		if fp16 {
			tolerance = 2e-3
		}
		size := len(together[0].Data) / 4
		for i := range 4 {
			var one []inference.Tensor
			for _, in := range all {
				n := len(in.Data) / 4
				one = append(one, inference.Tensor{Shape: append([]int{1}, in.Shape[1:]...), Data: in.Data[i*n : (i+1)*n]})
			}
			alone, err := m.Run(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			for j, v := range alone[0].Data {
				if w := together[0].Data[i*size+j]; math.Abs(float64(v-w)) > tolerance {
					t.Fatalf("fp16 %v: item %d alone gives %v at %d, in a batch %v", fp16, i, v, j, w)
				}
			}
		}
	}
}

func TestHostileNets(t *testing.T) {
	for name, hostile := range onnxfile.Hostile {
		path := filepath.Join(t.TempDir(), name+".onnx")
		if err := hostile(path, 32); err != nil {
			t.Fatal(err)
		}
		m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: path, TimeLimit: 500 * time.Millisecond, MemoryLimitMB: 1024})
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s: the error does not name the file: %v", name, err)
			}
		}
		switch name {
		case "endless_loop":
			if !errors.Is(err, ErrTimeLimit) {
				t.Errorf("%s: %v", name, err)
			}
		case "huge_tensor":
			if !errors.Is(err, inference.ErrModelMemory) {
				t.Errorf("%s: %v", name, err)
			}
		case "truncated", "no_model":
			if err == nil {
				t.Errorf("%s was opened", name)
			}
		default: // what is wrong with them is for those to see who know what the net is for
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if _, err := m.Run(t.Context(), randomInputs(m, 1)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if m != nil {
			m.Close()
		}
	}
}
