package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"livedub/internal/bench/enginebench"
	"livedub/internal/gpu"
)

// Status of a step.
const (
	ok      = "ok"
	failed  = "failed"
	skipped = "skipped"
)

// step is what became of one part of the check.
type step struct {
	Name    string  `json:"name"`
	Status  string  `json:"status"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
}

// report is all that gpucheck found.
type report struct {
	Version  string                   `json:"version"`
	At       time.Time                `json:"at"`
	Machine  string                   `json:"machine"`
	GPU      gpu.Report               `json:"gpu"`
	Runtime  *runtimeFacts            `json:"runtime"` // null: it failed
	Compared []enginebench.Comparison `json:"compared"`
	Video    *video                   `json:"video"`
	Bench    []enginebench.Report     `json:"bench"` // one for each net
	Steps    []step                   `json:"steps"`
}

// failed tells whether something is not as it should be; what was left out is.
func (r *report) failed() bool {
	return slices.ContainsFunc(r.Steps, func(s step) bool { return s.Status == failed })
}

// table writes r for people.
func (r *report) table(to io.Writer) {
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintf(t, "gpucheck %s on %s\n\n", r.Version, r.Machine)
	if r.GPU.Absent != "" {
		fmt.Fprintf(t, "GPU\t%s\n", r.GPU.Absent)
	} else {
		fmt.Fprintf(t, "driver\t%s, CUDA %s\n", r.GPU.Driver, r.GPU.CUDA)
	}
	for _, d := range r.GPU.Devices {
		fmt.Fprintf(t, "GPU %d\t%s\n", d.Index, d)
	}
	if r.Runtime != nil {
		fmt.Fprintf(t, "runtime\tONNX Runtime %s: %s\n", r.Runtime.Version, strings.Join(r.Runtime.Providers, ", "))
	}
	if r.Video != nil {
		fmt.Fprintf(t, "NVENC\t%s (library: %s)\n", r.Video.Encoder, orNone(r.Video.EncoderLibrary))
		fmt.Fprintf(t, "NVDEC\t%s (library: %s)\n", r.Video.Decoder, orNone(r.Video.DecoderLibrary))
	}
	if len(r.Compared) > 0 {
		fmt.Fprint(t, "\nnet\tprecision\tprovider\tof the work\tmax abs\tmax rel\ttolerance\tmax rel, TF32\t2 items, ms\ton the CPU, ms\t\n")
	}
	for _, c := range r.Compared {
		tf32, verdict := "-", "ok"
		if c.TF32 != nil {
			tf32 = fmt.Sprintf("%.1e", *c.TF32)
		}
		if !c.OK {
			verdict = "FAILED"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.0f %%\t%.1e\t%.1e\t%.0e\t%s\t%.1f\t%.1f\t%s\n",
			c.Net, c.Precision, c.Provider, 100*c.Share, c.MaxAbs, c.MaxRel, c.Tolerance, tf32, c.MS, c.CPUms, verdict)
	}
	for _, b := range r.Bench {
		for _, n := range b.Nets {
			t.Flush() // columns of their own
			fmt.Fprintf(t, "\n%s %s on %s, by %s", n.Net, n.Precision, b.Device, b.Provider)
			if n.Roof > 0 {
				fmt.Fprintf(t, ": at most %.0f faces/s in batches of %d, %.0f in batches of 1", n.Roof, n.RoofBatch, n.Roof1)
			}
			fmt.Fprintln(t)
			for _, run := range n.Runs {
				fmt.Fprintln(t, run)
			}
			if n.Skipped != "" {
				fmt.Fprintln(t, n.Skipped)
			}
		}
	}
	t.Flush()
	fmt.Fprint(t, "\nstep\tstatus\ts\t\n")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%s\n", s.Name, s.Status, s.Seconds, s.Detail)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// machine names the processor: "AMD EPYC 9354, 16 CPUs".
func machine() string {
	name := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs", name, runtime.NumCPU())
}
