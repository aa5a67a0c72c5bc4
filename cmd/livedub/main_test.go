package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "livedub-state-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_STATE_HOME", dir) // where servers keep their key
	os.Setenv("LIVEDUB_STORE_DIR", filepath.Join(dir, "store"))
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true") // where tests run on an instance, its group is not theirs
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// call runs livedub in this process.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		out  string // part of stdout
		err  string // part of stderr, which is then one line
	}{
		{"help", 0, "usage: livedub COMMAND", ""},
		{"--help", 0, "doctor", ""},
		{"-h", 0, "serve", ""},
		{"--version", 0, "livedub ", ""},
		{"help serve", 0, "--listen", ""},
		{"serve --help", 0, "--config FILE", ""},
		{"serve -h", 0, "usage: livedub serve", ""},
		{"doctor --help", 0, "--json", ""},
		{"serve --print-config --listen 127.0.0.1:9", 0, "listen: 127.0.0.1:9", ""},
		{"serv", 2, "", "livedub: serv is no command; did you mean livedub serve?"},
		{"help serv", 2, "", "did you mean livedub serve?"},
		{"serve --lisen x:1", 2, "", "--lisen is no flag; did you mean --listen?"},
		{"serve -x", 2, "", "-x is no flag"},
		{"serve --listen", 2, "", "needs an argument: --listen"},
		{"serve --listen 8080", 2, "", "is not HOST:PORT"},
		{"serve --ice-server turn:b", 2, "", "write stun:HOST[:PORT] or turn:SECRET@HOST[:PORT][?transport=tcp]"},
		{"serve now", 2, "", `takes no arguments, got "now"`},
		{"doctor now", 2, "", `takes no arguments, got "now"`},
		{"serve --config /nowhere.yaml", 1, "", "/nowhere.yaml: no such file or directory: check --config"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, errs := call(t, strings.Fields(tt.args)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.err) {
				t.Errorf("stdout %q\nstderr %q\nwant %q, %q", out, errs, tt.out, tt.err)
			}
			if lines := strings.Count(errs, "\n"); (tt.err != "") != (lines == 1) {
				t.Errorf("%d lines on stderr: %q", lines, errs)
			}
		})
	}
}

func TestNoCommand(t *testing.T) {
	code, out, errs := call(t)
	if code != 2 || out != "" || !strings.Contains(errs, "usage: livedub COMMAND") {
		t.Errorf("code %d, stdout %q, stderr %q", code, out, errs)
	}
}

// TestEveryCommandExplainsItself: each has help of its own, with settings and --config.
func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range commands() {
		if c.name == "bench" || c.name == "verify-scaleout" {
			continue // a program of their own
		}
		code, out, errs := call(t, c.name, "--help")
		if code != 0 || errs != "" || !strings.Contains(out, "usage: livedub "+c.name) {
			t.Errorf("%s --help: code %d, stdout %q, stderr %q", c.name, code, out, errs)
		}
		if code, _, errs := call(t, c.name, "--no-such-flag"); code != 2 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s --no-such-flag: code %d, stderr %q", c.name, code, errs)
		}
	}
}

// TestBenchesAreBeside: without the program beside livedub, bench says how to get it.
func TestBenchesAreBeside(t *testing.T) {
	for _, name := range []string{"bench", "verify-scaleout"} {
		code, _, errs := call(t, name, "--help")
		if code != 1 || !strings.Contains(errs, "run make build") {
			t.Errorf("%s: code %d, stderr %q", name, code, errs)
		}
	}
}
