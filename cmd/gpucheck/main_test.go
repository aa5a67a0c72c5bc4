package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/bench/enginebench"
	"livedub/internal/testkit/onnxfile"
)

// TestMain: a check runs its own program for each step, which here is the
// tests'; the net "small" is made in no time.
func TestMain(m *testing.M) {
	find = func(list string) ([]enginebench.Net, error) {
		if list != "small" && list != "small:fp32" {
			return enginebench.Find(list)
		}
		return []enginebench.Net{{Name: "small", Precision: "fp32", Write: func(path string) error {
			return onnxfile.LatentKind(path, 32, 4, 8, false, 1)
		}}}, nil
	}
	if slices.Contains(os.Args, "--step") {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// call runs gpucheck and returns what it prints and writes.
func call(t *testing.T, args ...string) (code int, out, errs string, r report) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "r.json")
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append(args, "--json", file), &stdout, &stderr)
	if b, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
	}
	return code, stdout.String(), stderr.String(), r
}

func status(r report) map[string]string {
	all := map[string]string{}
	for _, s := range r.Steps {
		all[s.Name] = s.Status
	}
	return all
}

// TestCheckOnCPU: with the CPU as the provider to check, all goes through on any machine.
func TestCheckOnCPU(t *testing.T) {
	code, out, errs, r := call(t, "--provider", "cpu", "--nets", "small", "--nets-dir", t.TempDir(), "--sessions", "1", "--run", "200ms", "--limit", "20s")
	if code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, out, errs)
	}
	if s := status(r); s["runtime"] != ok || s["compare small:fp32"] != ok || s["bench small:fp32"] != ok || s["video"] != ok {
		t.Errorf("%v", s)
	}
	if len(r.Compared) != 1 || !r.Compared[0].OK || r.Compared[0].Net != "small" || r.Runtime == nil || r.Runtime.Version == "" || r.Video == nil {
		t.Errorf("%+v", r)
	}
	if len(r.Bench) != 1 || len(r.Bench[0].Nets) != 1 || r.Bench[0].Nets[0].Roof <= 0 || r.Bench[0].Provider != "cpu" || !strings.Contains(out, "faces/s in batches of") {
		t.Errorf("%+v\n%s", r.Bench, out)
	}
	if (r.GPU.Absent == "") == (len(r.GPU.Devices) == 0) || r.Machine == "" {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"small", "NVENC", "ONNX Runtime 1."} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestFailureGoesOn: what fails is told, what depends on it left out, the rest done.
func TestFailureGoesOn(t *testing.T) {
	code, out, _, r := call(t, "--library", filepath.Join(t.TempDir(), "none.so"), "--nets", "wav2lip96")
	if s := status(r); code != 1 || s["runtime"] != failed || s["compare wav2lip96:fp32"] != skipped || s["bench wav2lip96:fp32"] != skipped || s["video"] != ok {
		t.Errorf("exit code %d, %v", code, s)
	}
	if r.Runtime != nil || !strings.Contains(r.Steps[0].Detail, "none.so") || !strings.Contains(out, "none.so") {
		t.Errorf("%+v\n%s", r.Steps, out)
	}
	if code, _, _, r := call(t, "--limit", "1ms"); code != 0 || len(r.Steps) == 0 || r.Steps[0].Status != skipped {
		t.Errorf("without time: exit code %d, %+v", code, r.Steps)
	}
}

func TestNoGPUBuild(t *testing.T) {
	code, _, _, r := call(t, "--nets", "wav2lip96") // the CPU build, on whatever machine
	if code != 1 || !strings.Contains(r.Steps[0].Detail, "is a build for the CPU") {
		t.Errorf("exit code %d, %+v", code, r.Steps)
	}
}

func TestStepLimit(t *testing.T) {
	var v video
	began := time.Now()
	s := runStep(t.Context(), flags{sessions: []int{1}, length: time.Second}, "video", time.Millisecond, &v, t.Output())
	if s.Status != failed || !strings.Contains(s.Detail, "not done within") || time.Since(began) > 5*time.Second {
		t.Errorf("%+v after %v", s, time.Since(began))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s := runStep(ctx, flags{sessions: []int{1}, length: time.Second}, "video", time.Minute, &v, t.Output()); s.Status != failed || s.Detail != "interrupted" {
		t.Errorf("%+v", s)
	}
	if s := runStep(t.Context(), flags{sessions: []int{1}, length: time.Second}, "dance", time.Minute, &v, t.Output()); s.Status != failed || s.Detail != `there is no step "dance"` {
		t.Errorf("%+v", s)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"--nets", "resnet"}, {"--wrong"}, {"what"}, {"--limit", "soon"}, {"--sessions", "0"}, {"--sessions", "a"}, {"--run", "-1s"}} {
		if code, _, errs, _ := call(t, args...); code != 2 || errs == "" {
			t.Errorf("%q: exit code %d, %q", args, code, errs)
		}
	}
	if code, _, errs, _ := call(t, "--help"); code != 0 || !strings.Contains(errs, "--library") || strings.Contains(errs, "--step") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

func TestFindLibrary(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LD_LIBRARY_PATH", "/none:"+dir)
	if got := findLibrary("libnone.so.1"); got != "" {
		t.Errorf("found %q", got)
	}
	path := filepath.Join(dir, "libnone.so.1")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := findLibrary("libnone.so.1"); got != path {
		t.Errorf("found %q, want %q", got, path)
	}
}
