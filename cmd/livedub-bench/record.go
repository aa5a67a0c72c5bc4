package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"livedub/internal/bench/recordbench"
	"livedub/internal/cli"
	"livedub/internal/testkit/pgproc"
	"livedub/store/s3"
)

const (
	benchRecordUsage = "bench record [--kills N] [--away TIME] [--segments N] [--json]"
	mostKills        = 1000
	mostSegments     = 10_000
)

// recordFigures is what `livedub bench record` measures. What was not measured is null.
type recordFigures struct {
	Machine string `json:"machine"`
	recordbench.Cost
	Kills  []recordbench.Kill    `json:"kills"`
	Outage *recordbench.DBOutage `json:"outage"`
	Upload *recordbench.Uploaded `json:"upload"`
}

// runBenchRecord measures what keeping calls costs, and what is lost when something
// breaks; it asserts nothing.
func runBenchRecord(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench record")
	kills := fs.Int("kills", 20, "how many servers are killed under a recorded call; each takes half a minute")
	away := fs.Duration("away", 10*time.Minute, "how long the database is away; 0s leaves it out")
	segments := fs.Int("segments", 200, "how many segments of 1 MB are sent to a bucket on this machine; 0 leaves it out")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	_, rest, err := cli.Settings(fs, benchRecordUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return cli.Usagef("bench record: takes no arguments: livedub %s", benchRecordUsage)
	case *kills < 0 || *kills > mostKills || *segments < 0 || *segments > mostSegments || *away < 0 || *away > maxAway:
		return cli.Usagef("bench record: give --kills of 0 to %d, --segments of 0 to %d and --away of 0s to %v", mostKills, mostSegments, maxAway)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	say := func(what string) {
		fmt.Fprintf(stderr, "bench: %3.0f s: %s\n", time.Since(began).Seconds(), what)
	}
	f := recordFigures{Machine: machine()}
	if f.Cost, err = recordbench.MeasureCost(ctx, say); err == nil {
		f.Kills, err = recordbench.Kills(ctx, filepath.Dir(self), *kills, say)
	}
	if err == nil && *segments > 0 {
		say(fmt.Sprintf("%d segments to a bucket", *segments))
		f.Upload = &recordbench.Uploaded{}
		*f.Upload, err = recordbench.Upload(ctx, s3.Options{}, *segments)
	}
	if err == nil && *away > 0 {
		say(fmt.Sprintf("the database is away for %v", *away))
		f.Outage, err = outage(ctx, *away, say)
	}
	if err != nil {
		return fmt.Errorf("bench record: %w", err)
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	return f.print(stdout)
}

// outage takes a database away; nil where there is none to be started.
func outage(ctx context.Context, away time.Duration, say func(string)) (*recordbench.DBOutage, error) {
	o, err := recordbench.Outage(ctx, away)
	if errors.Is(err, pgproc.ErrMissing) {
		say("left out: " + err.Error())
		return nil, nil
	}
	return &o, err
}

func (f recordFigures) print(w io.Writer) error {
	fmt.Fprintln(w, f.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "a frame for a viewer, kept\t%.2f ms, %.2f ms of CPU: %.2f times\n", f.LiveMS, f.ProgramMS, f.CPURatio)
	fmt.Fprintf(t, "memory of a recording\t%.0f MB\n", f.MemMB)
	for _, k := range f.Kills {
		fmt.Fprintf(t, "killed, closed by %s\t%.1f s recorded, %.1f s playable, %d of %d phrases lost\n", k.Way, k.RecordedS, k.PlayableS, k.PhrasesLost, k.Phrases)
	}
	if u := f.Upload; u != nil {
		fmt.Fprintf(t, "segments to a bucket\t%.0f Mbit/s, %d retries, %d of %d lost\n", u.MbitS, u.Retries, u.Lost, u.Files+u.Lost)
	}
	if o := f.Outage; o != nil {
		fmt.Fprintf(t, "database away for %g min\t%d of %d phrases lost, the rest written after %.1f s\n", o.DBMin, o.PhrasesLost, o.Phrases, o.CaughtUpS)
	}
	return t.Flush()
}
