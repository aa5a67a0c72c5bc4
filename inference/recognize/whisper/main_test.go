package whisper

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if converted.root != "" {
			os.RemoveAll(converted.root)
		}
		os.Exit(code)
	}))
}
