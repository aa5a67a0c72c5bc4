package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/cli"
	"livedub/internal/testkit/caller"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for args, want := range map[string]string{
		"--base ftp://x":                    "no http or https address",
		"--base http://":                    "no http or https address",
		"--sessions 0":                      "or 0 with --keep",
		"--sessions 1001":                   "give 1 to 1000",
		"--sessions 1000 --viewers 5":       "more than 5000 peers",
		"--viewers -1":                      "or none",
		"--for 100ms":                       "--for takes 1s and more",
		"--ramp 20h --for 20h":              "together up to 24h",
		"--whip --ws":                       "choose one",
		"--profile fast":                    "give sync or live",
		"--to es,":                          "1 to 16 languages",
		"--from es":                         "give --clip, too",
		"--width 641":                       "even numbers",
		"--height 2000":                     "even numbers",
		"--decode -1":                       "--decode takes",
		"--memory 1":                        "--memory 64",
		"--wait -1s":                        "--wait takes",
		"now":                               "takes no arguments",
		"--session 2":                       "did you mean --sessions?",
		"--for soon":                        "see loadgen --help",
		"--sessions 2 --viewers 2 --for 2s": "",
		"--sessions 0 --keep x":             "",
		"--clip x --from es --to pt,ca":     "",
	} {
		o, err := parse(strings.Fields(args), &bytes.Buffer{})
		var usage cli.UsageError
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", args, err)
		case want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", args, err, want)
		case want == "" && o.transport() != "whip":
			t.Errorf("%s: %+v", args, o)
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, &bytes.Buffer{}); !errors.Is(err, cli.ErrAnswered) {
		t.Fatal(err)
	}
	for _, want := range []string{"usage: loadgen", "--base URL", "--sessions", "--viewers", "--ramp", "--for", "--to", "--profile", "--whip", "--ws", "--svg FILE", tokenEnv} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("--help does not tell of %q:\n%s", want, &out)
		}
	}
}

// TestNobodyThere: a load on nothing fails with each session, tells so in all its outputs, and ends.
func TestNobodyThere(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "kept")
	if err := synthetic(t).Keep(caller.Making{Width: 640, Height: 360, Keep: keep}); err != nil {
		t.Fatal(err)
	}
	svg := filepath.Join(t.TempDir(), "load.svg")
	var out, told bytes.Buffer
	began := time.Now()
	err := run(t.Context(), []string{"--base", "http://127.0.0.1:1", "--sessions", "2", "--for", "60s", "--keep", keep, "--svg", svg}, &out, &told)
	if err == nil || !strings.Contains(err.Error(), "2 of 2 sessions failed: session 0: create a session") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to see that nobody is there", took)
	}
	if !strings.Contains(told.String(), "2 of 2 started, 2 failed") {
		t.Errorf("the table:\n%s", &told)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		kinds[e.Event]++
	}
	if kinds["start"] != 1 || kinds["failed"] != 2 || kinds["session"] != 2 || kinds["end"] != 1 {
		t.Errorf("lines: %v", kinds)
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.Contains(b, []byte("</svg>")) {
		t.Errorf("%v: %.100s", err, b)
	}
}

func TestOutputs(t *testing.T) {
	var out, errs bytes.Buffer
	file := filepath.Join(t.TempDir(), "lines")
	for path, want := range map[string]struct{ lines, table bool }{"": {false, true}, "-": {true, false}, file: {true, true}} {
		lines, table, closing, err := outputs(path, &out, &errs)
		if err != nil || (lines != nil) != want.lines || (table == &out) != want.table || closing() != nil {
			t.Errorf("%q: lines %v, table on standard output %v, %v", path, lines != nil, table == &out, err)
		}
	}
	if _, _, _, err := outputs(t.TempDir(), &out, &errs); err == nil {
		t.Error("lines into a folder")
	}
}
