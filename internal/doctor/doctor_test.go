package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/gpu"
	"livedub/internal/worker/workertest"
)

// workers is where the workers' programs were built.
var workers string

func TestMain(m *testing.M) {
	var err error
	if workers, err = workertest.Build("espeakworker", "pocketsphinxworker"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(workers)
		os.Exit(code)
	}))
}

func row(t *testing.T, r Report, name string) Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no row %q", name)
	}
	return r.Checks[i]
}

// TestRun tries this very machine: what make installs must be there.
func TestRun(t *testing.T) {
	r := Run(t.Context(), Config{Version: "v1", Recognizer: workers + "/pocketsphinxworker", Worker: workers + "/espeakworker"})
	for _, name := range []string{"pocketsphinx", "espeakworker", "espeak-ng voices", "apertium en->es", "apertium en->ca", "h264 decoder", "hevc decoder", "vp8 decoder",
		"vp9 decoder", "onnxruntime", "h264 encoder (x264)", "vp8 encoder (libvpx)", "opus", "aac", "flite", "ffmpeg"} {
		if c := row(t, r, name); !c.Available || c.Version == "" || c.Install != "" {
			t.Errorf("%+v", c)
		}
	}
	if c := row(t, r, "mouth"); c.Available || c.Needed {
		t.Errorf("%+v", c)
	}
	row(t, r, "h264_nvenc encoder")
	row(t, r, "h264_cuvid decoder")
	if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Kind == "device" && strings.Contains(c.Name, "nvml") }) {
		t.Error("no row about a GPU")
	}
	if (r.GPU.Absent == "") == (len(r.GPU.Devices) == 0) {
		t.Errorf("GPU telemetry, or its absence: %+v", r.GPU)
	}
	seen := map[string]bool{}
	for _, c := range r.Checks {
		if seen[c.Name] {
			t.Errorf("%s stands twice", c.Name)
		}
		seen[c.Name] = true
		if !c.Available && c.Install == "" && c.Name != "h264_nvenc encoder" && c.Name != "h264_cuvid decoder" {
			t.Errorf("%s is missing and no line installs it: %+v", c.Name, c)
		}
		if strings.ContainsAny(c.Detail+c.Install+c.Version, "\n\r") {
			t.Errorf("more than one line: %+v", c)
		}
	}
}

// TestNothingThere: every engine is looked for in an empty folder.
func TestNothingThere(t *testing.T) {
	empty := t.TempDir()
	c := Config{Lips: "own", ModelDir: empty, Recognizer: workers + "/pocketsphinxworker", ModesDir: empty, Worker: empty + "/espeakworker"}
	r := Run(t.Context(), c)
	want := map[string]string{
		"pocketsphinx":     "sudo apt-get install -y pocketsphinx-en-us",
		"apertium en->es":  "sudo apt-get install -y apertium-eng-spa",
		"espeakworker":     "make build",
		"espeak-ng voices": "make build",
	}
	lost := c
	lost.Recognizer = empty + "/pocketsphinxworker"
	if c := recognizers(lost, nil)[0]; c.Available || c.Install != "make build" {
		t.Errorf("%+v", c)
	}
	if c := row(t, r, "mouth"); !c.Available || c.Install != "" {
		t.Errorf("%+v", c)
	}
	for name, install := range want {
		if c := row(t, r, name); c.Available || !c.Needed || c.Install != install {
			t.Errorf("%+v, want install %q", c, install)
		}
	}
	if got := len(r.Missing()); got != len(want) {
		t.Errorf("%d needed rows are missing, want %d: %+v", got, len(want), r.Missing())
	}
	c.Net = func(context.Context) (string, error) { return "", errors.New("no\nnet") }
	if row := row(t, Run(t.Context(), c), "mouth net"); row.Available || !row.Needed || row.Detail != "no net" || row.Install == "" {
		t.Errorf("%+v", row)
	}
	c.Net = func(context.Context) (string, error) { return "cpu", nil }
	if row := row(t, Run(t.Context(), c), "mouth net"); !row.Available || row.Detail != "cpu" {
		t.Errorf("%+v", row)
	}
	c.NoRecognizer, c.NoTranslator, c.NoSynthesizer = true, true, true
	if missing := Run(t.Context(), c).Missing(); len(missing) != 0 {
		t.Errorf("missing with other engines set: %+v", missing)
	}
}

// TestRuntime: what runs nets here, and what keeps it from a GPU.
func TestRuntime(t *testing.T) {
	rows := runtimes(Config{NeedRuntime: true})
	if c := rows[0]; !c.Available || !c.Needed || c.Kind != "runtime" || !strings.HasSuffix(c.Detail, "libonnxruntime.so") {
		t.Errorf("%+v", c)
	}
	if c := rows[1]; c.Available || c.Needed || !strings.Contains(c.Detail, "build for the CPU") || !strings.Contains(c.Install, "onnx.library") {
		t.Errorf("%+v", c)
	}
	rows = runtimes(Config{Runtime: t.TempDir()})
	if c := rows[0]; c.Available || c.Needed || !strings.Contains(c.Detail, "no libonnxruntime.so in it") || c.Install != "set onnx.library" {
		t.Errorf("%+v", c)
	}
}

func TestWrite(t *testing.T) {
	r := Report{Version: "v1", OS: "Debian", Checks: []Check{
		{Name: "apertium en->es", Kind: "translate", Available: true, Version: "2", Detail: "d"},
		{Name: "gone", Kind: "speak", Needed: true, Install: "make build"},
		{Name: "extra", Kind: "device", Detail: "no driver", Install: "apt x"},
	}}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"name": "apertium en->es"`) || !strings.Contains(b.String(), `"available": false`) {
		t.Errorf("JSON:\n%s", b.String())
	}
	var again Report
	if err := json.Unmarshal(b.Bytes(), &again); err != nil || !slices.Equal(again.Checks, r.Checks) {
		t.Errorf("reads back as %+v, %v", again, err)
	}
	b.Reset()
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ok ", "2; d\n", "MISSING", "make build\n", "-- ", "no driver: apt x\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestDevices(t *testing.T) {
	if rows := devices(gpu.Report{Absent: "no NVIDIA driver"}); len(rows) != 1 || rows[0].Available || rows[0].Detail != "no NVIDIA driver" || rows[0].Install == "" {
		t.Errorf("without a driver: %+v", rows)
	}
	busy := .5
	rows := devices(gpu.Report{Driver: "580", CUDA: "13.0", Devices: []gpu.Device{
		{Index: 0, Name: "Tesla T4", Busy: &busy}, {Index: 1, Name: "Tesla T4", Error: "gpu is lost"},
	}})
	if len(rows) != 2 || !rows[0].Available || rows[0].Version != "driver 580, CUDA 13.0" || rows[0].Detail != "Tesla T4, busy 50 %" {
		t.Errorf("%+v", rows)
	}
	if lost := rows[1]; lost.Available || lost.Name != "gpu 1 (nvml)" || !strings.Contains(lost.Detail, "gpu is lost") || lost.Install == "" {
		t.Errorf("a lost one: %+v", lost)
	}
}

func TestField(t *testing.T) {
	const file = "ID=ubuntu\nPRETTY_NAME=\"Ubuntu 24.04\"\n"
	if field(file, "ID") != "ubuntu" || field(file, "PRETTY_NAME") != "Ubuntu 24.04" || field(file, "NAME") != "" {
		t.Error(field(file, "ID"), field(file, "PRETTY_NAME"), field(file, "NAME"))
	}
}
