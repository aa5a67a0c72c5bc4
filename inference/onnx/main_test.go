package onnx

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// children are what the test binary does instead of testing, as a process of its own.
var children = map[string]func() error{}

func TestMain(m *testing.M) {
	if run, ok := children[os.Getenv("ONNX_TEST_CHILD")]; ok {
		if err := run(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
