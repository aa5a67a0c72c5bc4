package groundtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Weights returns the folder of a neural engine's weights, as `livedub models
// pull NAME` makes it: below $LIVEDUB_MODELS, or where livedub keeps them.
// Without them the test is skipped.
func Weights(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("LIVEDUB_MODELS")
	if dir == "" {
		data := os.Getenv("XDG_DATA_HOME")
		if data == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				t.Fatal(err)
			}
			data = filepath.Join(home, ".local", "share")
		}
		dir = filepath.Join(data, "livedub", "models")
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		Skip(t, "no weights in %s: make models", dir)
	}
	return dir
}

// NetPatience bounds one run of a real net in a test: a machine that does other
// things too is slow, and only a net that hangs is a failure.
const NetPatience = 5 * time.Minute
