package push

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(benchAddress); url != "" {
		sendForBench(url)
		return
	}
	goleak.VerifyTestMain(m)
}
