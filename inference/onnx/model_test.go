package onnx

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

func testRuntime(t testing.TB) *Runtime {
	t.Helper()
	r, err := NewRuntime(Config{MemoryLimitMB: 2048})
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

func TestHog(t *testing.T) {
	_, err := testRuntime(t).Open(t.Context(), ModelConfig{Path: write(t, hog(1<<30).file())})
	t.Log(err)
	if !errors.Is(err, inference.ErrModelMemory) || !strings.Contains(err.Error(), "net.onnx") {
		t.Errorf("got %v", err)
	}
}
