package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs livedub-bench in this process.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// TestEveryBenchExplainsItself: each has help of its own, and names a wrong flag in one line.
func TestEveryBenchExplainsItself(t *testing.T) {
	for _, name := range []string{"", "lips", "engine", "stalls", "words", "handover", "record", "fleet", "scaleout"} {
		code, out, errs := call(t, strings.Fields(name+" --help")...)
		if code != 0 || errs != "" || !strings.Contains(out, "usage: livedub bench "+name) {
			t.Errorf("%s --help: code %d, stdout %q, stderr %q", name, code, out, errs)
		}
		code, _, errs = call(t, strings.Fields(name+" --no-such-flag")...)
		if code != 2 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s --no-such-flag: code %d, stderr %q", name, code, errs)
		}
	}
	if code, _, errs := call(t, "lisp"); code != 2 || !strings.Contains(errs, "lisp") {
		t.Errorf("a bench that there is not: code %d, stderr %q", code, errs)
	}
}
