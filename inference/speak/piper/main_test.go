package piper

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/worker/workertest"
)

var workerPath string

func TestMain(m *testing.M) {
	dir, err := workertest.Build("espeakworker")
	if err != nil {
		panic(err)
	}
	workerPath = filepath.Join(dir, "espeakworker")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
