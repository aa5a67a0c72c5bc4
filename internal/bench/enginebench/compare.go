package enginebench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"livedub/inference"
	"livedub/inference/onnx"
)

// Comparison is how far a provider's results are from those of the CPU.
type Comparison struct {
	Net       string   `json:"net"`
	Precision string   `json:"precision"`
	Provider  string   `json:"provider"`     // that did most of the work, by the runtime's profile
	Share     float64  `json:"share"`        // of the work that it did, 0..1
	MaxAbs    float64  `json:"max_abs"`      // largest difference; TF32 off
	MaxRel    float64  `json:"max_rel"`      // of it, to the largest number of the CPU's result
	Tolerance float64  `json:"tolerance"`    // for MaxRel
	TF32      *float64 `json:"max_rel_tf32"` // MaxRel with TF32 on; null in fp16
	CPUms     float64  `json:"cpu_ms"`       // one run of compareBatch items on the CPU
	MS        float64  `json:"ms"`           // the same on the provider, copies included
	OK        bool     `json:"ok"`
}

const compareBatch = 2

// tolerances are what rounding may do: products are summed in another order,
// through dozens of layers.
var tolerances = map[string]float64{"fp32": 1e-3, "fp16": 2e-2}

// Compare runs a net that lies at path on the CPU and on provider, with the
// same numbers.
func Compare(ctx context.Context, rt *onnx.Runtime, n Net, path, provider string, progress func(string)) (Comparison, error) {
	c := Comparison{Net: n.Name, Precision: n.Precision, Tolerance: tolerances[n.Precision]}
	var in []inference.Tensor
	run := func(mc onnx.ModelConfig) (m *onnx.Model, out []inference.Tensor, ms float64, err error) {
		mc.Path, mc.Warm, mc.TimeLimit, mc.Progress = path, []int{compareBatch}, time.Minute, progress
		if m, err = rt.Open(ctx, mc); err != nil {
			return nil, nil, 0, err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		if in == nil {
			in = Example(m.Inputs(), compareBatch, seed)
		}
		began := time.Now()
		out, err = m.Run(ctx, in)
		return m, out, float64(time.Since(began).Microseconds()) / 1000, err
	}
	_, want, ms, err := run(onnx.ModelConfig{Provider: onnx.CPU, Threads: runtime.NumCPU()})
	if err != nil {
		return c, fmt.Errorf("on the CPU: %w", err)
	}
	c.CPUms = ms
	m, got, ms, err := run(onnx.ModelConfig{Provider: provider, NoTF32: true})
	if err != nil {
		return c, err
	}
	c.MS, c.Provider = ms, m.Provider()
	c.Share = m.Providers()[c.Provider]
	if c.MaxAbs, c.MaxRel, err = difference(want, got); err != nil {
		return c, err
	}
	if n.Precision == "fp32" {
		_, got, _, err := run(onnx.ModelConfig{Provider: provider})
		if err != nil {
			return c, fmt.Errorf("with TF32: %w", err)
		}
		_, rel, err := difference(want, got)
		if err != nil {
			return c, fmt.Errorf("with TF32: %w", err)
		}
		c.TF32 = &rel
	}
	c.OK = c.Provider == provider && c.MaxRel <= c.Tolerance
	return c, nil
}

// difference returns the largest difference, absolute and by the largest
// number wanted.
func difference(want, got []inference.Tensor) (abs, rel float64, err error) {
	if len(want) != len(got) {
		return 0, 0, fmt.Errorf("%d results instead of %d", len(got), len(want))
	}
	largest := 0.
	for i, w := range want {
		if len(w.Data) != len(got[i].Data) {
			return 0, 0, fmt.Errorf("a result of the shape %v instead of %v", got[i].Shape, w.Shape)
		}
		for j, x := range w.Data {
			d := math.Abs(float64(x) - float64(got[i].Data[j]))
			if math.IsNaN(d) || math.IsInf(d, 0) {
				return 0, 0, fmt.Errorf("%v instead of %v at %d", got[i].Data[j], x, j)
			}
			abs = max(abs, d)
			largest = max(largest, math.Abs(float64(x)))
		}
	}
	if abs > 0 {
		rel = abs / max(largest, math.SmallestNonzeroFloat32)
	}
	return abs, rel, nil
}
