// Package enginebench measures neural nets: nets of well-known shapes with
// random weights, made on the spot, under the load of many sessions.
package enginebench

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"livedub/inference"
	"livedub/internal/testkit/onnxfile"
)

// Net is one net that can be measured.
type Net struct {
	Name      string // "wav2lip96"
	Precision string // "fp32" or "fp16"
	GFLOP     float64
	Bytes     int64                   // of its weights
	Write     func(path string) error // makes its file
}

// seed of all weights and inputs: the same net everywhere.
const seed = 1

// Nets returns all nets that can be measured, each in both precisions.
func Nets() []Net {
	var nets []Net
	for _, fp16 := range []bool{false, true} {
		for _, size := range []int{96, 256} {
			cost, err := onnxfile.Wav2LipCost(size)
			if err != nil {
				panic(err) // these sizes exist
			}
			nets = append(nets, newNet(fmt.Sprintf("wav2lip%d", size), fp16, cost,
				func(path string) error { return onnxfile.Wav2Lip(path, size, fp16, seed) }))
		}
		nets = append(nets, newNet("musetalk-unet", fp16, onnxfile.MuseTalkUNetCost(),
			func(path string) error { return onnxfile.MuseTalkUNet(path, fp16, seed) }))
	}
	return nets
}

func newNet(name string, fp16 bool, c onnxfile.Cost, write func(string) error) Net {
	n := Net{Name: name, Precision: "fp32", GFLOP: c.FLOP / 1e9, Bytes: 4 * c.Parameters, Write: write}
	if fp16 {
		n.Precision, n.Bytes = "fp16", 2*c.Parameters
	}
	return n
}

// Find returns the nets of a list such as "wav2lip96,musetalk-unet:fp16"; a
// name without a precision stands for fp32.
func Find(list string) ([]Net, error) {
	var found []Net
	for _, item := range strings.Split(list, ",") {
		name, precision, ok := strings.Cut(strings.TrimSpace(item), ":")
		if !ok {
			precision = "fp32"
		}
		known := len(found)
		var have []string
		for _, n := range Nets() {
			have = append(have, n.Name+":"+n.Precision)
			if n.Name == name && n.Precision == precision {
				found = append(found, n)
			}
		}
		if len(found) == known {
			return nil, fmt.Errorf("there is no net %q: choose of %s", item, strings.Join(have, ", "))
		}
	}
	return found, nil
}

// Example makes inputs for a net: a batch, or, for batch 0, an item without
// the batch dimension. Frames are within 0..1, mel within -4..4, the rest is
// normal. The same seed gives the same numbers.
func Example(inputs []inference.TensorInfo, batch int, seed uint64) []inference.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	var in []inference.Tensor
	for _, info := range inputs {
		var t inference.Tensor
		if batch > 0 {
			t.Shape = append(t.Shape, batch)
		}
		for _, d := range info.Shape[1:] {
			t.Shape = append(t.Shape, max(1, d))
		}
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		t.Data = make([]float32, n)
		for i := range t.Data {
			switch info.Name {
			case "face", "masked", "ref":
				t.Data[i] = r.Float32()
			case "mel":
				t.Data[i] = 8*r.Float32() - 4
			default:
				t.Data[i] = float32(r.NormFloat64())
			}
		}
		in = append(in, t)
	}
	return in
}
