// Command gpucheck tries neural nets on this machine's NVIDIA GPU: it proves
// that the GPU does the work, compares its results with the CPU's, and measures
// the engine under load. It links no codec, so that it runs where livedub's
// libraries are not installed; deploy/gpu/check.sh finds CUDA's and starts it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"livedub/internal/bench/enginebench"
)

// revision is set by the linker.
var revision = "devel"

// find returns nets by name; tests have it find a small one.
var find = enginebench.Find

// flags are what gpucheck was asked for.
type flags struct {
	library    string
	provider   string
	nets       string
	netsDir    string
	json       string
	sessions   []int
	length     time.Duration // of one run under load
	limit      time.Duration
	exhaustive bool
	nhwc       bool
	step       string // this process is one step of another gpucheck
	result     string // where that step's result goes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit code: 0 if all is well, 1 if a step failed, 2 for wrong flags.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	fs := pflag.NewFlagSet("gpucheck", pflag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&f.library, "library", "", "`PATH` of ONNX Runtime's library, its CUDA provider beside it")
	fs.StringVar(&f.provider, "provider", "cuda", "provider to check: cuda, or cpu to try the check itself")
	fs.StringVar(&f.nets, "nets", "wav2lip96:fp32,wav2lip96:fp16,wav2lip256:fp16,musetalk-unet:fp16", "nets to check")
	fs.StringVar(&f.netsDir, "nets-dir", "", "`DIR` where their files are made and kept; musetalk-unet takes 1.7 GB")
	fs.StringVar(&f.json, "json", "", "`FILE` for the figures")
	fs.IntSliceVar(&f.sessions, "sessions", []int{64, 16, 4, 1, 32, 8, 2}, "numbers of sessions to put on each net, those that matter most first: time may run out")
	fs.DurationVar(&f.length, "run", time.Second, "length of each run under load, after 1.5 s of warming up")
	fs.BoolVar(&f.nhwc, "nhwc", false, "under load, let convolutions work with channels last")
	fs.BoolVar(&f.exhaustive, "exhaustive", false, "under load, let cuDNN try all algorithms of every convolution; takes minutes")
	fs.DurationVar(&f.limit, "limit", 6*time.Minute, "for everything; what does not fit is left out")
	fs.StringVar(&f.step, "step", "", "")
	fs.StringVar(&f.result, "result", "", "")
	for _, hidden := range []string{"step", "result"} {
		if err := fs.MarkHidden(hidden); err != nil {
			panic(err) // they are there
		}
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "gpucheck:", err)
		return 2
	case len(f.sessions) == 0 || slices.Min(f.sessions) < 1 || slices.Max(f.sessions) > 1000 || f.length <= 0:
		fmt.Fprintln(stderr, "gpucheck: --sessions takes numbers from 1 to 1000, --run a length above 0")
		return 2
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "gpucheck: takes no arguments, got %q: see --help\n", fs.Arg(0))
		return 2
	}
	if f.step != "" {
		if err := child(ctx, f, stderr); err != nil {
			fmt.Fprintln(stderr, "gpucheck:", err)
			return 1
		}
		return 0
	}
	nets, err := find(f.nets)
	if err != nil {
		fmt.Fprintln(stderr, "gpucheck: --nets:", err)
		return 2
	}
	if f.netsDir == "" {
		dir, err := os.MkdirTemp("", "gpucheck-")
		if err != nil {
			fmt.Fprintln(stderr, "gpucheck:", err)
			return 1
		}
		defer os.RemoveAll(dir)
		f.netsDir = dir
	}
	r := check(ctx, f, nets, stderr)
	r.table(stdout)
	if f.json != "" {
		if err := writeJSON(f.json, r); err != nil {
			fmt.Fprintln(stderr, "gpucheck:", err)
			return 1
		}
	}
	if r.failed() {
		return 1
	}
	return 0
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
