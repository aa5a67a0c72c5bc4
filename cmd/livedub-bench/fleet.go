package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"livedub/internal/bench/fleet"
	"livedub/internal/cli"
)

const (
	benchFleetUsage = "bench fleet [--places N] [--boot FACTOR] [--seeds N] [--svg DIR] [--json]"
	maxPlaces       = 1000
	maxBoot         = 4 // a hook's time is over at four times the frozen ones
)

// runBenchFleet simulates scaling policies on frozen traces; it asserts nothing.
func runBenchFleet(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := fleet.Load()
	if err != nil {
		return fmt.Errorf("bench fleet: %w", err)
	}
	fs := cli.NewFlags("bench fleet")
	places := fs.Int("places", f.Node.Places, "sessions that a node carries; the traces grow with it")
	boot := fs.Float64("boot", 1, "how many times as long as frozen a start takes")
	seeds := fs.Int("seeds", len(f.Seeds), "how many `N` runs of each policy on each trace")
	dir := fs.String("svg", "", "draw the figures into `DIR`, which is made")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	_, rest, err := cli.Settings(fs, benchFleetUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 || *places < 1 || *places > maxPlaces || !(*boot > 0 && *boot <= maxBoot) || *seeds < 1 || *seeds > len(f.Seeds) {
		return cli.Usagef("bench fleet: takes no arguments, --places of 1 to %d, --boot of up to %d and --seeds of 1 to %d: livedub %s", maxPlaces, maxBoot, len(f.Seeds), benchFleetUsage)
	}
	if *dir != "" {
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			return fmt.Errorf("bench fleet: --svg: %w: name a folder that can be written", err)
		}
	}
	began := time.Now()
	f.Scale(*places, *boot, *seeds)
	figures, err := fleet.Compare(ctx, f, fleet.Specs(), func(what string) {
		fmt.Fprintf(stderr, "bench: %3.0f s: %s\n", time.Since(began).Seconds(), what)
	})
	if err != nil {
		return fmt.Errorf("bench fleet: %w", err)
	}
	if *dir != "" {
		if err := drawFleet(*dir, f, figures); err != nil {
			return fmt.Errorf("bench fleet: --svg: %w: name a folder that can be written", err)
		}
	}
	if *asJSON {
		return printJSON(stdout, figures)
	}
	return printFleet(stdout, figures)
}

// drawFleet writes a picture for each trace, and one of all with flash crowds.
func drawFleet(dir string, f *fleet.Frozen, figures fleet.Figures) error {
	for _, traces := range [][]fleet.Trace{f.Training, f.HeldOut} {
		for _, t := range traces {
			if err := os.WriteFile(filepath.Join(dir, "fleet-"+fleet.Slug(t.Name)+".svg"), fleet.TraceSVG(figures, t.Name, fleet.Shown), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "fleet-summary.svg"), fleet.SummarySVG(figures), 0o644)
}

func printFleet(w io.Writer, f fleet.Figures) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "trace\tpolicy\tblocked, %\tworst run\tgave up, %\twait p95, s\tstart, s\tstarts\tGPU hours\tUSD")
	for _, r := range f.Policies {
		name := r.Trace
		if r.HeldOut {
			name += " (held out)"
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%.2f\t%.1f\t%.0f\t%.1f\t%.2f\t%.2f\n", name, r.Name, r.BlockedPct, r.WorstPct, r.GaveUpPct, r.WaitP95S, r.StartS, r.Starts, r.GPUHours, r.CostUSD)
	}
	fmt.Fprintln(t, "\nservers\toffered, erlangs\tlost by Erlang's formula\tsimulated")
	for _, l := range f.Erlang {
		fmt.Fprintf(t, "%d\t%g\t%.4f\t%.4f\n", l.Servers, l.Offered, l.Theory, l.Simulated)
	}
	return t.Flush()
}
