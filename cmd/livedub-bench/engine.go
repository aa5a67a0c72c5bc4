package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"livedub/internal/cli"
	"livedub/internal/settings"

	"livedub/inference/onnx"
	"livedub/internal/bench/enginebench"
	"livedub/internal/config"
)

const benchEngineUsage = "bench engine [--nets LIST] [--sessions LIST] [--seconds N] [--live] [--saturate] [--json]"

// mostBenchSessions is how many sessions are measured at once.
const mostBenchSessions = 1024

// runBenchEngine measures how sessions share nets; it asserts nothing.
func runBenchEngine(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench engine")
	nets := fs.String("nets", "wav2lip96,wav2lip256,musetalk-unet", "`LIST` of nets, made on the spot with random weights; NAME:fp16 is one in halves")
	sessions := fs.String("sessions", "1,2,4", "`LIST` of how many sessions share the device, 25 frames a second each")
	length := fs.Float64("seconds", 10, "length of each run")
	precision := fs.String("precision", "fp32", "of nets that name none: fp32 or fp16")
	live := fs.Bool("live", false, "frames have 60 ms, as in live calls; else 300 ms, as in sync")
	saturate := fs.Bool("saturate", false, "look for the limits too: overload, 80 % of the roof, most sessions without a miss")
	provider := fs.String("provider", "", "cpu or cuda; empty is onnx.provider")
	library := fs.String("library", "", "`PATH` of libonnxruntime.so or its folder; empty is onnx.library")
	dir := fs.String("dir", "", "`FOLDER` for the nets while they are measured; empty is a temporary one")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	c, rest, err := cli.Settings(fs, benchEngineUsage, args, stdout, "onnx", "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return cli.Usagef("bench engine: takes no arguments, got %q: livedub %s", rest[0], benchEngineUsage)
	}
	if *library != "" {
		c.ONNX.Library = *library
	}
	if *provider != "" {
		c.ONNX.Provider = *provider
	}
	o, err := engineOptions(c, *nets, *precision, *sessions, *length)
	if err != nil {
		return err
	}
	if o.Load.Saturate = *saturate; *live {
		o.Load.Slack = enginebench.LiveSlack
	}
	if *dir == "" {
		if *dir, err = os.MkdirTemp("", "livedub-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(*dir)
	}
	o.File = enginebench.InDir(*dir)
	began := time.Now()
	o.Load.Say = func(what string) {
		fmt.Fprintf(stderr, "bench engine: %4.0f s: %s\n", time.Since(began).Seconds(), what)
	}
	rt, err := onnx.NewRuntime(onnx.Config{Library: c.ONNX.Library})
	if err != nil {
		return settings.Hint(err)
	}
	defer rt.Close()
	report, err := enginebench.Bench(ctx, rt, o)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, report)
	}
	return printEngine(stdout, report)
}

// engineOptions reads the command's lists.
func engineOptions(c config.Config, nets, precision, sessions string, length float64) (enginebench.Options, error) {
	o := enginebench.Options{Model: settings.Model(c.ONNX)}
	if p := c.ONNX.Provider; p != onnx.CPU && p != onnx.CUDA {
		return o, cli.Usagef("bench engine: --provider %q: choose cpu or cuda", p)
	}
	if precision != "fp32" && precision != "fp16" {
		return o, cli.Usagef("bench engine: --precision %q: choose fp32 or fp16", precision)
	}
	var named []string
	for _, n := range strings.Split(nets, ",") {
		if n = strings.TrimSpace(n); !strings.Contains(n, ":") {
			n += ":" + precision
		}
		named = append(named, n)
	}
	var err error
	if o.Nets, err = enginebench.Find(strings.Join(named, ",")); err != nil {
		return o, cli.Usagef("bench engine: --nets: %v", err)
	}
	for _, s := range strings.Split(sessions, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > mostBenchSessions {
			return o, cli.Usagef("bench engine: --sessions %q: name numbers from 1 to %d, like 1,2,4", s, mostBenchSessions)
		}
		o.Load.Sessions = append(o.Load.Sessions, n)
	}
	if !(length >= .1 && length <= 3600) {
		return o, cli.Usagef("bench engine: --seconds %v: choose .1 to 3600", length)
	}
	o.Load.Length = time.Duration(length * float64(time.Second))
	o.Load.Slack = enginebench.SyncSlack
	return o, nil
}

func printEngine(w io.Writer, r enginebench.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "device\t%s\nprovider\t%s, ONNX Runtime %s\n", r.Device, r.Provider, r.Runtime)
	for _, n := range r.Nets {
		fmt.Fprintf(t, "\n%s %s\t", n.Net, n.Precision)
		if n.Roof > 0 {
			fmt.Fprintf(t, "roof %.1f fps in batches of %d, %.1f in batches of 1", n.Roof, n.RoofBatch, n.Roof1)
		}
		if n.Skipped != "" {
			fmt.Fprintf(t, " skipped: %s", n.Skipped)
		}
		fmt.Fprintln(t)
		if len(n.Runs) > 0 {
			fmt.Fprintln(t, "policy\tsessions\tslack\toffered fps\tin time\tback at all\tp50 ms\tp99 ms\tmissed\titems a batch\tfill\tfor")
		}
		for _, run := range n.Runs {
			fmt.Fprintf(t, "%s\t%d\t%.0f ms\t%.1f\t%.1f\t%.1f\t%v\t%v\t%.2f %%\t%.1f\t%.2f\t%s\n", run.Policy, run.Sessions, run.SlackMS,
				run.Offered, run.FPS, run.Done, run.P50, run.P99, run.Missed, run.Batch, run.Fill, run.Purpose)
		}
	}
	return t.Flush()
}
