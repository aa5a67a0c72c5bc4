// Package e2e runs the real binaries on real input, as a user would, and judges
// what they write with other people's tools.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// bin is where the binaries under test stand.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "livedub-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")) // where servers keep their key
	os.Setenv("LIVEDUB_STORE_DIR", filepath.Join(dir, "store"))
	build := exec.Command("go", "build", "-o", dir, "livedub/cmd/livedub", "livedub/cmd/gateway", "livedub/cmd/espeakworker", "livedub/cmd/pocketsphinxworker", "livedub/cmd/transducerworker", "livedub/cmd/loadgen")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binaries: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		programs, faults := allLogs.check(dir)
		for _, f := range faults {
			fmt.Fprintln(os.Stderr, "a log has what no log may have:", f)
			code = max(code, 1)
		}
		fmt.Fprintf(os.Stderr, "the logs of %d programs were searched for secrets and spoken words\n", programs)
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// livedub runs the program and waits for it.
func livedub(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "livedub"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, io.MultiWriter(&stderr, allLogs.of(t, args, os.Environ()))
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// fakes chooses the deterministic engines: no models, no worker processes.
var fakes = []string{"--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake"}

// tool runs another program and returns what it printed.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// ffmpeg makes a file.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	tool(t, "ffmpeg", append([]string{"-v", "error", "-y"}, args...)...)
}

// stream is what ffprobe says of one stream.
type stream struct {
	CodecType string `json:"codec_type"`
	CodecName string `json:"codec_name"`
	Profile   string `json:"profile"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	NbFrames  string `json:"nb_read_frames"`
	StartTime string `json:"start_time"`
	Duration  string `json:"duration"`
}

// probe returns a file's streams by kind, its frames counted by decoding them.
func probe(t *testing.T, path string) map[string]stream {
	t.Helper()
	var v struct{ Streams []stream }
	out := tool(t, "ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", path)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	m := map[string]stream{}
	for _, s := range v.Streams {
		m[s.CodecType] = s
	}
	return m
}

// readReport reads report.json as the outside world does: by the field names of the contract.
func readReport(t *testing.T, dir string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	v := map[string]any{}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	allLogs.said(texts(v)...)
	return v
}

// texts returns what was said, and what it was dubbed to, by a report.
func texts(v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if s, ok := one.(string); ok && (name == "text" || name == "source_text") {
				out = append(out, s)
			}
			out = append(out, texts(one)...)
		}
	case []any:
		for _, one := range v {
			out = append(out, texts(one)...)
		}
	}
	return out
}
