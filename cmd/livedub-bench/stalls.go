package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"livedub/internal/cli"

	"livedub/internal/bench/stalls"
)

const benchStallsUsage = "bench stalls [--stages LIST] [--kinds LIST] [--at-once N] [--json]"

// stallFigures is what `livedub bench stalls` measures.
type stallFigures struct {
	Machine string          `json:"machine"`
	Faults  []stalls.Result `json:"faults"`
}

// runBenchStalls breaks one part of a live session after the other, by the
// wall's clock and with fakes, and tells what the rest noticed; it asserts nothing.
func runBenchStalls(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench stalls")
	stages := fs.String("stages", strings.Join(stalls.Stages, ","), "`LIST` of what breaks")
	kinds := fs.String("kinds", strings.Join(stalls.Kinds, ","), "`LIST` of how: for how long it does nothing, or what it does")
	atOnce := fs.Int("at-once", 6, "how many sessions run at a time; each takes 20 s and more")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	_, rest, err := cli.Settings(fs, benchStallsUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 || *atOnce < 1 {
		return cli.Usagef("bench stalls: takes no arguments, and at least one session at once: livedub %s", benchStallsUsage)
	}
	var todo []stalls.Fault
	for _, stage := range strings.Split(*stages, ",") {
		for _, kind := range strings.Split(*kinds, ",") {
			if !slices.Contains(stalls.Stages, stage) || !slices.Contains(stalls.Kinds, kind) {
				return cli.Usagef("bench stalls: no fault %q of %q: choose from %v and %v", kind, stage, stalls.Kinds, stalls.Stages)
			}
			todo = append(todo, stalls.Fault{Stage: stage, Kind: kind})
		}
	}
	f := stallFigures{Machine: machine()}
	if f.Faults, err = breakAll(ctx, todo, *atOnce, stderr); err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	return f.print(stdout)
}

// breakAll runs the faults, so many at once, and returns their results in order.
func breakAll(ctx context.Context, todo []stalls.Fault, atOnce int, stderr io.Writer) ([]stalls.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]stalls.Result, len(todo))
	room := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	began := time.Now()
	for i, f := range todo {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(stderr, "bench: %3.0f s: %d of %d: %s, %s\n", time.Since(began).Seconds(), i+1, len(todo), f.Stage, f.Kind)
		wg.Go(func() {
			defer func() { <-room }()
			r, err := stalls.Run(ctx, f)
			if err != nil {
				cancel(fmt.Errorf("%s, %s: %w", f.Stage, f.Kind, err))
			}
			out[i] = r
		})
	}
	wg.Wait()
	return out, context.Cause(ctx)
}

func (f stallFigures) print(w io.Writer) error {
	fmt.Fprintln(w, f.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\tkind\toriginal: silent blocks\tdropped\tothers touched\trecovered, s\tfelt")
	for _, r := range f.Faults {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%.2f\t%d\n", r.Stage, r.Kind, r.OriginalSilentBlocks, r.OriginalDropped, r.OthersTouched, r.RecoveredS, r.Felt)
	}
	return t.Flush()
}
