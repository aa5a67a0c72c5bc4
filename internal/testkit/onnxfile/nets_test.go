package onnxfile

import (
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"livedub/inference/onnx/onnxfile"
	"livedub/internal/testkit/onnxreadtest"
)

// TestCosts: the nets cost what those cost whose shape they have.
func TestCosts(t *testing.T) {
	w96, err := Wav2LipCost(96)
	if err != nil {
		t.Fatal(err)
	}
	w256, err := Wav2LipCost(256)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		got               Cost
		parameters, gflop float64 // published; 0: none is
	}{
		"wav2lip96":     {w96, 36e6, 7.9},
		"wav2lip256":    {w256, 0, 55.6},
		"musetalk-unet": {MuseTalkUNetCost(), 850e6, 178},
	} {
		p, f := float64(c.got.Parameters), c.got.FLOP/1e9
		t.Logf("%s: %.1f M parameters, %.2f GFLOP", name, p/1e6, f)
		if c.parameters > 0 && math.Abs(p/c.parameters-1) > .15 {
			t.Errorf("%s: %.1f M parameters, want about %.0f", name, p/1e6, c.parameters/1e6)
		}
		if math.Abs(f/c.gflop-1) > .15 {
			t.Errorf("%s: %.2f GFLOP, want about %.1f", name, f, c.gflop)
		}
	}
	if _, err := Wav2LipCost(128); err == nil {
		t.Error("a Wav2Lip of size 128")
	}
}

// TestWav2LipFile: the file holds what was counted, in the type asked for, the
// same for the same seed.
func TestWav2LipFile(t *testing.T) {
	dir := t.TempDir()
	write := func(fp16 bool, seed uint64) (string, onnxreadtest.Model) {
		path := filepath.Join(dir, "w.onnx")
		if err := Wav2Lip(path, 96, fp16, seed); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), onnxreadtest.Read(t, path)
	}
	bytes, m := write(true, 1)
	if !slices.Equal(m.Inputs, []string{"mel 10 [N 1 80 16]", "face 10 [N 6 96 96]"}) || !slices.Equal(m.Outputs, []string{"out 10 [N 3 96 96]"}) {
		t.Errorf("inputs %q, outputs %q", m.Inputs, m.Outputs)
	}
	var n int64
	for name, w := range m.Weights {
		if w.Type != int(onnxfile.FP16) {
			t.Errorf("%s is of type %d", name, w.Type)
		}
		n += int64(len(w.Raw)) / 2
	}
	if c, _ := Wav2LipCost(96); n != c.Parameters {
		t.Errorf("%d parameters in the file, %d counted", n, c.Parameters)
	}
	if again, _ := write(true, 1); again != bytes {
		t.Error("the same seed gives another file")
	}
	if other, _ := write(true, 2); other == bytes {
		t.Error("another seed gives the same file")
	}
	if _, m := write(false, 1); m.Inputs[0] != "mel 1 [N 1 80 16]" || m.Outputs[0] != "out 1 [N 3 96 96]" {
		t.Errorf("fp32: inputs %q, outputs %q", m.Inputs, m.Outputs)
	}
}

// TestMuseTalkUNetFile writes the graph without its gigabytes.
func TestMuseTalkUNetFile(t *testing.T) {
	n := newNet(museTalkName, true, 1)
	n.hollow = true
	museTalk(n)
	if total := 2 * n.cost.Parameters; total < 1_500_000_000 {
		t.Errorf("%d bytes fit one file", total)
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := n.Write(path); err != nil {
		t.Fatal(err)
	}
	m := onnxreadtest.Read(t, path)
	if !slices.Equal(m.Inputs, []string{"latents 10 [N 8 32 32]", "audio 10 [N 50 384]"}) || !slices.Equal(m.Outputs, []string{"out 10 [N 4 32 32]"}) {
		t.Errorf("inputs %q, outputs %q", m.Inputs, m.Outputs)
	}
	count := map[string]int{}
	for _, node := range m.Nodes {
		count[node.Text(4)]++
	}
	// 16 transformers of two attentions, 22 residual blocks, three steps up.
	if count["Softmax"] != 32 || count["InstanceNormalization"] != 2*22+16+1 || count["Resize"] != 3 {
		t.Errorf("%v", count)
	}
}

func TestNetsWithMeaning(t *testing.T) {
	wav2lip := []string{"mel 1 [N 1 80 16]", "face 1 [N 6 64 64]"}
	latent := []string{"masked 1 [N 3 64 64]", "ref 1 [N 3 64 64]", "audio 1 [N 5 8]"}
	for name, c := range map[string]struct {
		write  func(path string) error
		inputs []string
	}{
		"CopyReference":       {func(p string) error { return CopyReference(p, 64) }, wav2lip},
		"PaintByMel":          {func(p string) error { return PaintByMel(p, 64, 2) }, wav2lip},
		"CopyReferenceLatent": {func(p string) error { return CopyReferenceLatent(p, 64, 5, 8) }, latent},
		"LatentKind":          {func(p string) error { return LatentKind(p, 64, 5, 8, false, 1) }, latent},
	} {
		path := filepath.Join(t.TempDir(), "n.onnx")
		if err := c.write(path); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m := onnxreadtest.Read(t, path); !slices.Equal(m.Inputs, c.inputs) || !slices.Equal(m.Outputs, []string{"out 1 [N 3 64 64]"}) {
			t.Errorf("%s: inputs %q, outputs %q", name, m.Inputs, m.Outputs)
		}
	}
	path := filepath.Join(t.TempDir(), "n.onnx")
	if PaintByMel(path, 64, 3) == nil || LatentKind(path, 60, 5, 8, false, 1) == nil || LatentKind(path, 64, 0, 8, false, 1) == nil {
		t.Error("written what makes no sense")
	}
	for _, size := range []int{96, 256} {
		if lower := image.Rect(0, size/2, size, size); !MouthBox(size).In(lower) || MouthBox(size).Empty() {
			t.Errorf("size %d: the mouth at %v", size, MouthBox(size))
		}
	}
}

func TestHostileFiles(t *testing.T) {
	for name, write := range Hostile {
		path := filepath.Join(t.TempDir(), name+".onnx")
		if err := write(path, 32); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name != "truncated" && name != "no_model" {
			onnxreadtest.Read(t, path)
		} else if b, err := os.ReadFile(path); err != nil {
			t.Error(err)
		} else if _, err := onnxreadtest.Take(b); err == nil {
			t.Errorf("%s can be read", name)
		}
		if err := write(filepath.Join(path, "none"), 32); err == nil {
			t.Errorf("%s: no error where it cannot be written", name)
		}
	}
}
