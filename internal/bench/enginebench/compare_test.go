package enginebench

import (
	"math"
	"os"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/internal/testkit/onnxfile"
)

func TestDifference(t *testing.T) {
	tensor := func(v ...float32) []inference.Tensor { return []inference.Tensor{{Shape: []int{len(v)}, Data: v}} }
	if abs, rel, err := difference(tensor(1, -4, 2), tensor(1.5, -4, 2)); abs != .5 || rel != .125 || err != nil {
		t.Errorf("%v %v %v", abs, rel, err)
	}
	if abs, rel, err := difference(tensor(0, 0), tensor(0, 0)); abs != 0 || rel != 0 || err != nil {
		t.Errorf("%v %v %v", abs, rel, err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, got := range [][]inference.Tensor{tensor(1), nil, tensor(nan, 2), tensor(1, inf)} {
		if _, _, err := difference(tensor(1, 2), got); err == nil {
			t.Errorf("%v is compared with two numbers", got)
		}
	}
}

// small is a net of the latent kind, made fast.
func small(t *testing.T, fp16 bool) (Net, string) {
	n := newNet("small", fp16, onnxfile.Cost{}, func(path string) error { return onnxfile.LatentKind(path, 32, 4, 8, fp16, 1) })
	path, err := WriteOnce(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	return n, path
}

// TestCompare: the CPU is as far from itself as nothing.
func TestCompare(t *testing.T) {
	rt, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	for _, fp16 := range []bool{false, true} {
		n, path := small(t, fp16)
		c, err := Compare(t.Context(), rt, n, path, onnx.CPU, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !c.OK || c.MaxRel > 1e-6 || c.Provider != onnx.CPU || c.Share != 1 || c.Precision != n.Precision || (c.TF32 == nil) != fp16 || c.MS <= 0 || c.CPUms <= 0 {
			t.Errorf("%+v", c)
		}
	}
	n, path := small(t, false)
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(t.Context(), rt, n, path, onnx.CPU, nil); err == nil || !strings.Contains(err.Error(), "on the CPU") {
		t.Errorf("a truncated net: %v", err)
	}
}

func TestWriteOnce(t *testing.T) {
	dir, made := t.TempDir()+"/nets", 0
	n := newNet("n", false, onnxfile.Cost{}, func(path string) error {
		made++
		return os.WriteFile(path, []byte("net"), 0o644)
	})
	for range 2 {
		if path, err := WriteOnce(dir, n); err != nil || path != dir+"/n-fp32.onnx" {
			t.Fatal(path, err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	if err := os.Remove(dir + "/n-fp32.onnx.whole"); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteOnce(dir, n); err != nil || made != 2 {
		t.Errorf("a file that may not be whole is taken: made %d times, %v", made, err)
	}
	if _, err := WriteOnce("/proc/none", n); err == nil {
		t.Error("no error where nothing can be written")
	}
}
