package cli

import (
	"bytes"
	"errors"
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
