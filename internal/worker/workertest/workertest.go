// Package workertest builds worker programs for tests, and sees that none is left running.
package workertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// Build builds commands of this module, as "espeakworker", into a new folder
// and returns it. The caller removes it.
func Build(commands ...string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "livedub-workers-"); err != nil {
		return "", err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, c := range commands {
		args = append(args, "livedub/cmd/"+c)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("building %v: %w\n%s", commands, err, out)
	}
	return dir, nil
}

// Main is the TestMain of a package whose tests need one worker: it builds the command,
// tells its path, and has the tests run, which may leave no goroutine.
func Main(m *testing.M, command string, path *string) {
	dir, err := Build(command)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*path = filepath.Join(dir, command)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// Engine is one that works in processes of its own.
type Engine interface {
	PIDs() []int
	Close() error
}

// Closes closes an engine at the end of a test, after which none of its processes may be left.
func Closes(t testing.TB, e Engine) {
	t.Helper()
	t.Cleanup(func() {
		ids := e.PIDs()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		for _, id := range ids {
			if syscall.Kill(id, 0) == nil {
				t.Errorf("process %d outlived Close", id)
			}
		}
	})
}
