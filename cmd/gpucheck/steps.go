package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"livedub/inference/onnx"
	"livedub/internal/bench/enginebench"
	"livedub/internal/gpu"
)

// A step is a process of its own: a driver that hangs or crashes takes no
// other step along.

// How long steps may take. Opening a net on the CPU to compare with is most of
// it, so it follows the size of the net.
const (
	runtimeLimit = 60 * time.Second
	compareLimit = 30 * time.Second
	perGigabyte  = 60 * time.Second
	videoLimit   = 30 * time.Second
	benchMargin  = 10 * time.Second // of a step's limit, left for measuring the roof again
)

// runtimeFacts is what ONNX Runtime can run nets on here.
type runtimeFacts struct {
	Library   string   `json:"library"`
	Version   string   `json:"version"`
	Providers []string `json:"providers"`
}

// child does one step and writes what came of it.
func child(ctx context.Context, f flags, stderr io.Writer) error {
	kind, net, _ := strings.Cut(f.step, " ")
	var result any
	var err error
	switch kind {
	case "runtime":
		result, err = tryRuntime(f)
	case "compare":
		result, err = compare(ctx, f, net, stderr)
	case "bench":
		result, err = bench(ctx, f, net, stderr)
	case "video":
		result = probeVideo(ctx)
	default:
		return fmt.Errorf("there is no step %q", f.step)
	}
	if err != nil {
		return err
	}
	return writeJSON(f.result, result)
}

func tryRuntime(f flags) (runtimeFacts, error) {
	rt, err := onnx.NewRuntime(onnx.Config{Library: f.library})
	if err != nil {
		return runtimeFacts{}, err
	}
	defer rt.Close()
	facts := runtimeFacts{rt.Library(), rt.Version(), []string{onnx.CPU}}
	if err := rt.CUDA(); err == nil {
		facts.Providers = append(facts.Providers, onnx.CUDA)
	} else if f.provider == onnx.CUDA {
		return facts, fmt.Errorf("ONNX Runtime %s: %w", facts.Version, err)
	}
	return facts, nil
}

func compare(ctx context.Context, f flags, net string, stderr io.Writer) (enginebench.Comparison, error) {
	nets, err := find(net)
	if err != nil {
		return enginebench.Comparison{}, err
	}
	path, err := enginebench.WriteOnce(f.netsDir, nets[0])
	if err != nil {
		return enginebench.Comparison{}, err
	}
	rt, err := onnx.NewRuntime(onnx.Config{Library: f.library})
	if err != nil {
		return enginebench.Comparison{}, err
	}
	defer rt.Close()
	return enginebench.Compare(ctx, rt, nets[0], path, f.provider, func(s string) { fmt.Fprintln(stderr, "  ", s) })
}

// bench measures one net under load.
func bench(ctx context.Context, f flags, net string, stderr io.Writer) (enginebench.Report, error) {
	nets, err := find(net)
	if err != nil {
		return enginebench.Report{}, err
	}
	rt, err := onnx.NewRuntime(onnx.Config{Library: f.library})
	if err != nil {
		return enginebench.Report{}, err
	}
	defer rt.Close()
	return enginebench.Bench(ctx, rt, enginebench.Options{
		Nets: nets, Model: onnx.ModelConfig{Provider: f.provider, Exhaustive: f.exhaustive, NHWC: f.nhwc},
		File: func(n enginebench.Net) (string, error) { return enginebench.WriteOnce(f.netsDir, n) },
		Load: enginebench.Load{
			Sessions: f.sessions, Length: f.length, Saturate: true, Ends: time.Now().Add(f.limit - benchMargin),
			Say: func(s string) { fmt.Fprintln(stderr, "  ", s) },
		},
	})
}

// check does all steps, one after the other.
func check(ctx context.Context, f flags, nets []enginebench.Net, stderr io.Writer) *report {
	r := &report{Version: revision, At: time.Now().UTC().Truncate(time.Second), Machine: machine(), GPU: gpu.Look()}
	ends := time.Now().Add(f.limit)
	do := func(name string, limit time.Duration, result any) bool {
		left := time.Until(ends)
		if left < time.Second || ctx.Err() != nil {
			r.Steps = append(r.Steps, step{Name: name, Status: skipped, Detail: "no time left: raise --limit"})
			return false
		}
		fmt.Fprintf(stderr, "gpucheck: %s\n", name)
		s := runStep(ctx, f, name, min(limit, left), result, stderr)
		fmt.Fprintf(stderr, "gpucheck: %s: %s after %.1f s%s\n", name, s.Status, s.Seconds, colon(s.Detail))
		r.Steps = append(r.Steps, s)
		return s.Status == ok
	}
	var facts runtimeFacts
	runs := do("runtime", runtimeLimit, &facts)
	if runs {
		r.Runtime = &facts
	}
	for _, n := range nets {
		name := n.Name + ":" + n.Precision
		if !runs {
			for _, kind := range []string{"compare ", "bench "} {
				r.Steps = append(r.Steps, step{Name: kind + name, Status: skipped, Detail: "there is no runtime"})
			}
			continue
		}
		var c enginebench.Comparison
		limit := compareLimit + time.Duration(float64(n.Bytes)/(1<<30)*float64(perGigabyte))
		if !do("compare "+name, limit, &c) {
			continue
		}
		r.Compared = append(r.Compared, c)
		if !c.OK {
			last := &r.Steps[len(r.Steps)-1]
			last.Status, last.Detail = failed, "the results differ by more than rounding does, or another provider did the work"
		}
	}
	var v video
	if do("video", videoLimit, &v) {
		r.Video = &v
	}
	for i, n := range nets {
		if !runs {
			break
		}
		// What time is left is shared among the nets that are left.
		share := time.Until(ends) / time.Duration(len(nets)-i)
		var b enginebench.Report
		if do("bench "+n.Name+":"+n.Precision, share, &b) {
			r.Bench = append(r.Bench, b)
		}
	}
	return r
}

func list(numbers []int) string {
	var s []string
	for _, n := range numbers {
		s = append(s, strconv.Itoa(n))
	}
	return strings.Join(s, ",")
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// runStep runs this program again for one step, and kills it at the limit.
func runStep(ctx context.Context, f flags, name string, limit time.Duration, result any, stderr io.Writer) step {
	began := time.Now()
	s := step{Name: name, Status: failed}
	done := func(status, detail string) step {
		s.Status, s.Detail, s.Seconds = status, detail, time.Since(began).Seconds()
		return s
	}
	dir, err := os.MkdirTemp("", "gpucheck-step-")
	if err != nil {
		return done(failed, err.Error())
	}
	defer os.RemoveAll(dir)
	exe, err := os.Executable()
	if err != nil {
		return done(failed, err.Error())
	}
	file := filepath.Join(dir, "result.json")
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(limited, exe, "--step", name, "--result", file, "--library", f.library, "--provider", f.provider,
		"--nets-dir", f.netsDir, "--run", f.length.String(), "--limit", limit.String(), "--sessions", list(f.sessions),
		fmt.Sprintf("--exhaustive=%v", f.exhaustive), fmt.Sprintf("--nhwc=%v", f.nhwc))
	said := &tail{to: stderr}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 2 * time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return done(failed, "interrupted")
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return done(failed, fmt.Sprintf("not done within %v", limit.Round(time.Second)))
	case err != nil:
		detail := strings.TrimPrefix(said.last(), "gpucheck: ")
		if detail == "" {
			detail = err.Error()
		}
		return done(failed, detail)
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, result)
	}
	if err != nil {
		return done(failed, err.Error())
	}
	return done(ok, "")
}

// tail passes on what is written and keeps the end of it.
type tail struct {
	to   io.Writer
	kept []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - 4096; over > 0 {
		t.kept = t.kept[over:]
	}
	return t.to.Write(b)
}

// last returns the last line that says something.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.kept)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
