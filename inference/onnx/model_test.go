package onnx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

func testRuntime(t testing.TB) *Runtime {
	t.Helper()
	r, err := NewRuntime(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func open(t testing.TB, net []byte, c ModelConfig) *Model {
	t.Helper()
	c.Path = write(t, net)
	m, err := testRuntime(t).Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestRun(t *testing.T) {
	for _, elem := range []int{elemFloat, elemHalf, elemInt64, elemInt32} {
		m := open(t, double(elem).file(), ModelConfig{Warm: []int{1, 2, 4}})
		info := inference.TensorInfo{Name: "x", Shape: []int{-1, 3}, Type: elemNames[elem]}
		if in := m.Inputs(); len(in) != 1 || in[0].Name != info.Name || in[0].Type != info.Type || !slices.Equal(in[0].Shape, info.Shape) {
			t.Errorf("inputs are %v, want %v", in, info)
		}
		if m.Provider() != CPU || m.Providers()[CPU] != 1 || m.Fallback() != "" {
			t.Errorf("%s: provider %q, %v, fallback %q", info.Type, m.Provider(), m.Providers(), m.Fallback())
		}
		for batch := 1; batch <= 3; batch++ {
			in := inference.Tensor{Shape: []int{batch, 3}}
			for i := range 3 * batch {
				in.Data = append(in.Data, float32(i))
			}
			out, err := m.Run(t.Context(), []inference.Tensor{in})
			if err != nil {
				t.Fatalf("%s: %v", info.Type, err)
			}
			if len(out) != 1 || !slices.Equal(out[0].Shape, in.Shape) || len(out[0].Data) != 3*batch {
				t.Fatalf("%s: a batch of %d gave %v", info.Type, batch, out)
			}
			for i, v := range out[0].Data {
				if v != 2*in.Data[i] {
					t.Errorf("%s: 2 x %v = %v", info.Type, in.Data[i], v)
				}
			}
		}
	}
}

func TestNaNPasses(t *testing.T) {
	m := open(t, double(elemFloat).file(), ModelConfig{})
	out, err := m.Run(t.Context(), []inference.Tensor{{Shape: []int{1, 3}, Data: []float32{float32(math.NaN()), float32(math.Inf(1)), 1}}})
	if err != nil || out[0].Data[0] == out[0].Data[0] || !math.IsInf(float64(out[0].Data[1]), 1) || out[0].Data[2] != 2 {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestEndlessLoop(t *testing.T) {
	_, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: write(t, endless().file()), TimeLimit: 200 * time.Millisecond})
	if !errors.Is(err, ErrTimeLimit) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err = testRuntime(t).Open(ctx, ModelConfig{Path: write(t, endless().file())}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// What a run asks for is bounded, however it came to ask; a net that failed
// takes nothing with it, and nets have bounds of their own.
func TestMemoryLimit(t *testing.T) {
	doubling := double(elemFloat) // 2^25 floats, worked out before the first run
	doubling.weights = []pb{floatTensor("w0", []float32{1}, 1)}
	doubling.nodes = nil
	for i := range 25 {
		w, twice := fmt.Sprint("w", i), fmt.Sprint("w", i+1)
		doubling.nodes = append(doubling.nodes, node("Concat", []string{w, w}, []string{twice}, attrInt("axis", 0)))
	}
	doubling.nodes = append(doubling.nodes, node("ReduceSum", []string{"w25"}, []string{"sum"}, attrInt("keepdims", 0)),
		node("Add", []string{"x", "sum"}, []string{"y"}))

	r := testRuntime(t)
	for name, c := range map[string]struct {
		net graph
		mb  int
		ok  bool
	}{
		"10 GB":                       {hog(10 << 28), 256, false},
		"128 MB":                      {hog(1 << 25), 256, true},
		"128 MB, 64 allowed":          {hog(1 << 25), 64, false},
		"doubling":                    {doubling, 64, false},
		"doubling, which may":         {doubling, 1024, true},
		"as much, after the failures": {hog(1 << 25), 256, true},
	} {
		m, err := r.Open(t.Context(), ModelConfig{Path: write(t, c.net.file()), MemoryLimitMB: c.mb})
		if c.ok && err != nil || !c.ok && (!errors.Is(err, inference.ErrModelMemory) || !strings.Contains(err.Error(), "net.onnx")) {
			t.Errorf("%s: %v", name, err)
		}
		if m != nil {
			defer m.Close()
		}
	}
}
