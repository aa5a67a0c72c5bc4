package enginebench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/internal/gpu"
)

// Report is what all nets came to.
type Report struct {
	Device   string    `json:"device"`   // "NVIDIA H100 80GB HBM3, driver 580.95.05", or the CPU
	Provider string    `json:"provider"` // that really ran, by the runtime's profile
	Runtime  string    `json:"onnx_runtime"`
	Nets     []Figures `json:"nets"`
}

// Options say what is measured on what.
type Options struct {
	Nets  []Net
	Model onnx.ModelConfig // provider, device, threads, limits; the rest is filled in
	Load  Load
	// File returns where a net lies, made if need be.
	File func(Net) (string, error)
}

// Bench measures nets, one after the other.
func Bench(ctx context.Context, rt *onnx.Runtime, o Options) (Report, error) {
	o.Load = o.Load.complete()
	r := Report{Device: deviceName(o.Model), Provider: o.Model.Provider, Runtime: rt.Version(), Nets: []Figures{}}
	speed := 40 * float64(runtime.NumCPU()) // GFLOP a second; a guess until a net was measured
	for _, n := range o.Nets {
		say := func(what string) { o.Load.Say(n.Name + " " + n.Precision + ": " + what) }
		if took := n.GFLOP / speed; o.Model.Provider != onnx.CUDA && took > 3*o.Load.Slack.Seconds() {
			f := Figures{Net: n.Name, Precision: n.Precision, Runs: []Run{},
				Skipped: fmt.Sprintf("%.0f GFLOP an item would take a CPU of %.0f GFLOP a second %.1f s, where %d ms are allowed: it needs a GPU",
					n.GFLOP, speed, took, o.Load.Slack.Milliseconds())}
			say("skipped: " + f.Skipped)
			r.Nets = append(r.Nets, f)
			continue
		}
		say(fmt.Sprintf("writing random weights, %d MB", n.Bytes>>20))
		path, err := o.File(n)
		if err != nil {
			return r, err
		}
		load := o.Load
		load.Say = say
		f, err := Measure(ctx, func(ctx context.Context) (inference.Model, error) {
			c := o.Model
			c.Path, c.Progress = path, say
			m, err := rt.Open(ctx, c)
			if err != nil {
				return nil, err
			}
			r.Provider = m.Provider()
			if why := m.Fallback(); why != "" {
				say("not " + o.Model.Provider + ": " + why)
			}
			return m, nil
		}, load)
		if err != nil {
			return r, fmt.Errorf("%s %s: %w", n.Name, n.Precision, err)
		}
		f.Net, f.Precision = n.Name, n.Precision
		r.Nets = append(r.Nets, f)
		if f.Roof > 0 && o.Model.Provider != onnx.CUDA {
			speed = f.Roof * n.GFLOP
		}
	}
	return r, nil
}

// InDir makes nets in a folder; one net's file is removed when the next is made.
func InDir(dir string) func(Net) (string, error) {
	last := ""
	return func(n Net) (string, error) {
		if last != "" {
			if err := os.RemoveAll(last); err != nil {
				return "", err
			}
		}
		last = filepath.Join(dir, n.Name+"-"+n.Precision)
		if err := os.MkdirAll(last, 0o755); err != nil {
			return "", err
		}
		path := filepath.Join(last, "net.onnx")
		if err := n.Write(path); err != nil {
			return "", fmt.Errorf("%s takes %d MB: %w", n.Name, n.Bytes>>20, err)
		}
		return path, nil
	}
}

func deviceName(c onnx.ModelConfig) string {
	if c.Provider == onnx.CUDA {
		look := gpu.Look()
		for _, d := range look.Devices {
			if d.Index == c.Device {
				return d.Name + ", driver " + look.Driver
			}
		}
		return "a GPU that its driver does not name"
	}
	name := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if key, value, _ := strings.Cut(s.Text(), ":"); strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs", name, runtime.NumCPU())
}
