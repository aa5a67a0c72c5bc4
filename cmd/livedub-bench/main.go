// Command livedub-bench measures speed, memory, mouths, words and what is kept on this machine; it
// asserts nothing. `livedub bench` runs it, and `livedub verify-scaleout`, which measures in
// an AWS account.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"livedub/internal/cli"
)

const benchUsage = "bench [dub] [--clip FILE] [--seconds N] [--json], or " + benchLipsUsage + ", or " + benchEngineUsage + ", or " + benchStallsUsage + ", or " + benchSpeechUsage + ", or " + benchWordsUsage + ", or " + benchHandoverUsage + ", or " + benchRecordUsage + ", or " + benchFleetUsage + ", or " + benchScaleoutUsage

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run measures what args ask for and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	bench := runBenchDub
	if len(args) > 0 {
		switch args[0] {
		case "lips":
			bench, args = runBenchLips, args[1:]
		case "engine":
			bench, args = runBenchEngine, args[1:]
		case "stalls":
			bench, args = runBenchStalls, args[1:]
		case "speech":
			bench, args = runBenchSpeech, args[1:]
		case "words":
			bench, args = runBenchWords, args[1:]
		case "handover":
			bench, args = runBenchHandover, args[1:]
		case "record":
			bench, args = runBenchRecord, args[1:]
		case "fleet":
			bench, args = runBenchFleet, args[1:]
		case "scaleout":
			bench, args = runBenchScaleout, args[1:]
		case "verify-scaleout":
			bench, args = runVerify, args[1:]
		}
	}
	return cli.Exit(bench(ctx, args, stdout, stderr), stderr)
}

// printJSON prints the figures of a bench for programs.
func printJSON(w io.Writer, figures any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(figures)
}

// machine tells what figures were measured on.
func machine() string {
	return fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
