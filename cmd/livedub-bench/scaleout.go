package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"livedub/internal/bench/scaleout"
	"livedub/internal/cli"
	"livedub/internal/testkit/caller"
)

const (
	benchScaleoutUsage = "bench scaleout [--start LIST] [--boot cold=TIME,warm=TIME] [--places N] [--engines NAME] [--svg DIR] [--json]"
	stopTime           = 4 * time.Second // that EC2 is said to take to stop an instance here
	idlePoints         = 6               // of the metric before the load, a minute: alarms look back at five
	maxBootTime        = 10 * time.Minute
	maxLocalPlaces     = 16
	callWidth          = 320
	callHeight         = 180
)

// scaleoutFigures is what `livedub bench scaleout` measures.
type scaleoutFigures struct {
	Machine string            `json:"machine"`
	Starts  []scaleout.Report `json:"starts"`
}

// runBenchScaleout measures, on this machine, the way from a step of load to the first
// session of a new node in a fake Auto Scaling group; it asserts nothing.
func runBenchScaleout(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench scaleout")
	starts := fs.StringSlice("start", []string{"cold", "warm"}, "`LIST` of cold, a new instance, and warm, a stopped one of the warm pool; both at a time take three minutes")
	boots := fs.StringToString("boot", map[string]string{"cold": "30s", "warm": "10s"}, "how long EC2 takes to boot, which is no figure of this machine's")
	places := fs.Int("places", 3, "sessions that a node carries")
	engines := fs.String("engines", "fake", "of the nodes: fake, or light, for which CPUs are needed, and flite for what callers say")
	dir := fs.String("svg", "", "draw the phases into `DIR`, which is made")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	_, rest, err := cli.Settings(fs, benchScaleoutUsage, args, stdout, "log")
	if err != nil {
		return err
	}
	c := scaleout.GroundConfig{Places: *places, Stop: stopTime, Idle: idlePoints}
	if c.Cold, c.Thaw, err = bootTimes(*boots); err != nil {
		return err
	}
	if len(rest) > 0 || *places < 1 || *places > maxLocalPlaces || len(*starts) == 0 {
		return cli.Usagef("bench scaleout: takes no arguments, and --places of 1 to %d: livedub %s", maxLocalPlaces, benchScaleoutUsage)
	}
	if c.Light = *engines == "light"; !c.Light && *engines != "fake" {
		return cli.Usagef("bench scaleout: --engines %s: give fake or light", *engines)
	}
	for _, s := range *starts {
		if s != "cold" && s != "warm" {
			return cli.Usagef("bench scaleout: --start %s: give cold, warm or both", s)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.Bin = filepath.Dir(self)
	var m *caller.Material
	if c.Light {
		m, err = caller.Prepare(ctx, caller.Making{Width: callWidth, Height: callHeight})
	} else {
		m, err = caller.Tones(callWidth, callHeight)
	}
	if err != nil {
		return fmt.Errorf("bench scaleout: %w", err)
	}
	f := scaleoutFigures{Machine: machine()}
	if f.Starts, err = localStarts(ctx, c, m, *starts, stderr); err != nil {
		return fmt.Errorf("bench scaleout: %w", err)
	}
	if *dir != "" {
		if err := drawScaleout(*dir, f.Starts); err != nil {
			return fmt.Errorf("bench scaleout: --svg: %w: name a folder that can be written", err)
		}
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	fmt.Fprintln(stdout, f.Machine)
	for _, r := range f.Starts {
		if err := r.Print(stdout); err != nil {
			return err
		}
	}
	return nil
}

// localStarts measures starts, each on a cluster of its own, all at a time: most of it is
// waiting for what AWS is said to take.
func localStarts(ctx context.Context, c scaleout.GroundConfig, m *caller.Material, starts []string, stderr io.Writer) ([]scaleout.Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	all, failed := make([]scaleout.Report, len(starts)), make([]error, len(starts))
	var told sync.Mutex
	var running sync.WaitGroup
	for i, s := range starts {
		c := c
		c.Warm = s == "warm"
		c.Progress = func(what string) {
			told.Lock()
			defer told.Unlock()
			fmt.Fprintf(stderr, "bench: %3.0f s: %s: %s\n", time.Since(began).Seconds(), s, what)
		}
		running.Go(func() {
			var err error
			if all[i], err = scaleout.Local(ctx, c, m); err != nil {
				if ctx.Err() == nil { // of those that end with the first that failed there is nothing to say
					failed[i] = fmt.Errorf("%s: %w", s, err)
				}
				cancel()
			}
		})
	}
	running.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return all, context.Cause(ctx)
}

// bootTimes reads --boot.
func bootTimes(given map[string]string) (cold, warm time.Duration, err error) {
	cold, warm = 30*time.Second, 10*time.Second
	for name, text := range given {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > maxBootTime {
			return 0, 0, cli.Usagef("bench scaleout: --boot %s=%s: give a time of 0s to %v", name, text, maxBootTime)
		}
		switch name {
		case "cold":
			cold = d
		case "warm":
			warm = d
		default:
			return 0, 0, cli.Usagef("bench scaleout: --boot %s=%s: give cold=TIME, warm=TIME or both", name, text)
		}
	}
	return cold, warm, nil
}

// drawScaleout writes a picture of all starts.
func drawScaleout(dir string, all []scaleout.Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "scaleout.svg"), scaleout.SVG(all), 0o644)
}
