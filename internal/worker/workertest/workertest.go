// Package workertest builds worker programs for tests.
package workertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
