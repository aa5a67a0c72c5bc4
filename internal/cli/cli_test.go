package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExit(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{ErrAnswered, 0, ""},
		{errors.New("a\n b"), 1, "livedub: a b\n"},
		{Usagef("no flag %q", "x"), 2, "livedub: no flag \"x\"\n"},
		{ChildError{Code: 3}, 3, ""},
	} {
		var out bytes.Buffer
		if code := Exit(tt.err, &out); code != tt.code || out.String() != tt.says {
			t.Errorf("%v: code %d, says %q", tt.err, code, &out)
		}
	}
}

// TestProgram: a program of its own bears its name in all that it says.
func TestProgram(t *testing.T) {
	fs := NewFlags("loadgen")
	n := fs.Int("sessions", 1, "how many")
	rest, err := Parse(fs, "loadgen [flags]", []string{"--sessions", "3", "x"}, nil)
	if err != nil || *n != 3 || len(rest) != 1 {
		t.Errorf("%d, %v, %v", *n, rest, err)
	}
	for args, want := range map[string]string{
		"--session=2": "loadgen: --session is no flag; did you mean --sessions?\n",
		"--sessions=": "see loadgen --help\n",
		"-s":          "loadgen: -s is no flag: see loadgen --help\n",
	} {
		fs := NewFlags("loadgen")
		fs.Int("sessions", 1, "how many")
		_, err := Parse(fs, "loadgen [flags]", []string{args}, nil)
		var out bytes.Buffer
		if code := ExitOf("loadgen", err, &out); code != 2 || !strings.HasSuffix(out.String(), want) || strings.Count(out.String(), "loadgen: ") != 1 {
			t.Errorf("%s: code %d, says %q", args, code, &out)
		}
	}
	var help bytes.Buffer
	if _, err := Parse(NewFlags("loadgen"), "loadgen [flags]", []string{"--help"}, &help); !errors.Is(err, ErrAnswered) || !strings.HasPrefix(help.String(), "usage: loadgen [flags]\n") {
		t.Errorf("%v: %q", err, &help)
	}
}
