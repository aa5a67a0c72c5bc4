package onnx

import (
	"math"
	"testing"

	"livedub/inference"
	"livedub/internal/testkit/groundtest"
)

// A real net, with a state, a rank-0 int64 and sizes left open.
func TestSilero(t *testing.T) {
	silero := groundtest.Shared(t, "models/silero_vad.onnx")
	inputs := func(batch int) []inference.Tensor {
		return []inference.Tensor{
			{Shape: []int{batch, 512}, Data: make([]float32, 512*batch)},
			{Shape: []int{2, batch, 128}, Data: make([]float32, 256*batch)},
			{Data: []float32{16000}},
		}
	}
	m, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: silero, Warm: []int{1, 4}, Example: inputs})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	t.Logf("inputs %v, outputs %v, providers %v", m.Inputs(), m.Outputs(), m.Providers())
	in := inputs(1)
	for i := range in[0].Data {
		in[0].Data[i] = float32(0.3 * math.Sin(float64(i)*2*math.Pi*200/16000))
	}
	out, err := m.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 2 || len(out[0].Data) != 1 || len(out[1].Data) != 256 {
		t.Fatalf("got %v", out)
	}
	if p := out[0].Data[0]; !(p >= 0 && p <= 1) {
		t.Errorf("the probability of speech is %v", p)
	}
	moved := false
	for _, v := range out[1].Data {
		moved = moved || v != 0
	}
	if !moved {
		t.Error("the state stayed as it was")
	}
}
