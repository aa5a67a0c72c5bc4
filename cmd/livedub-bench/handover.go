package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"livedub/internal/bench/handover"
	"livedub/internal/cli"
)

const (
	benchHandoverUsage = "bench handover [--rtt LIST] [--away TIME] [--json]"
	maxAway            = time.Hour
)

// handoverFigures is what `livedub bench handover` measures.
type handoverFigures struct {
	Machine string `json:"machine"`
	handover.Figures
}

// runBenchHandover breaks a cluster of real processes on this machine, in one way after
// the other, and tells what a listener noticed; it asserts nothing.
func runBenchHandover(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench handover")
	rtts := fs.DurationSlice("rtt", []time.Duration{0, 80 * time.Millisecond}, "`LIST` of round trips between clients and the cluster; each takes two minutes")
	away := fs.Duration("away", 10*time.Second, "how long Redis is away")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	_, rest, err := cli.Settings(fs, benchHandoverUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 || *away < 0 || *away > maxAway {
		return cli.Usagef("bench handover: takes no arguments, and --away of 0s to %v: livedub %s", maxAway, benchHandoverUsage)
	}
	for _, rtt := range *rtts {
		if rtt < 0 || rtt > time.Second {
			return cli.Usagef("bench handover: --rtt %v: give 0s to 1s", rtt)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	f := handoverFigures{Machine: machine()}
	f.Figures, err = handover.Run(ctx, handover.Config{Bin: filepath.Dir(self), RTTs: *rtts, Away: *away, Progress: func(what string) {
		fmt.Fprintf(stderr, "bench: %3.0f s: %s\n", time.Since(began).Seconds(), what)
	}})
	if err != nil {
		return fmt.Errorf("bench handover: %w", err)
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	return f.print(stdout)
}

func (f handoverFigures) print(w io.Writer) error {
	fmt.Fprintf(w, "%s; D %d ms\n", f.Machine, f.DelayMS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "fault\tRTT, ms\tsound gap, ms\tpicture gap, ms\tsource gap, ms\tphrases\tlost\ttwice")
	for _, r := range append(f.Kills, f.Drains...) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Fault, r.RTT, r.SoundGap, r.PictureGap, r.SourceGap, r.Phrases, r.PhrasesLost, r.PhrasesTwice)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "Redis away for %g s: %d of %d sessions lost, healed in %.1f s\n", f.Redis.AwayS, f.Redis.SessionsLost, f.Redis.Sessions, f.Redis.HealedS)
	return err
}
