package onnxfile

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"livedub/inference/onnx/onnxfile"
	"livedub/internal/testkit/onnxreadtest"
)

func TestRandomWeights(t *testing.T) {
	dir := t.TempDir()
	write := func(seed uint64, typ onnxfile.Type) []float64 {
		g := onnxfile.New("r")
		randomWeights(g, "r", typ, []int{100_003}, .5, seed)
		g.Node("Identity", []string{"r"}, []string{"y"})
		g.Output("y", typ, 100_003)
		path := filepath.Join(dir, "r.onnx")
		if err := g.Write(path); err != nil {
			t.Fatal(err)
		}
		return onnxreadtest.Read(t, path).Weights["r"].Floats()
	}
	a := write(1, onnxfile.FP32)
	if !slices.Equal(a, write(1, onnxfile.FP32)) {
		t.Error("the same seed gives other numbers")
	}
	if slices.Equal(a, write(2, onnxfile.FP32)) {
		t.Error("another seed gives the same numbers")
	}
	for typ, all := range map[onnxfile.Type][]float64{onnxfile.FP32: a, onnxfile.FP16: write(1, onnxfile.FP16)} {
		if len(all) != 100_003 {
			t.Fatalf("%d numbers", len(all))
		}
		var sum, squares float64
		for i, v := range all {
			if !(math.Abs(v) <= .5) || math.Abs(v-a[i]) > 1e-3 {
				t.Fatalf("type %d, number %d is %v, want %v", typ, i, v, a[i])
			}
			sum += v
			squares += v * v
		}
		if n := float64(len(all)); math.Abs(sum/n) > .005 || math.Abs(squares/n-1./12) > .002 {
			t.Errorf("type %d: mean %v, variance %v", typ, sum/n, squares/n)
		}
	}
}
