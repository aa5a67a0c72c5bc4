package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"livedub/internal/cli"
)

// runVerifyScaleout measures scale-out by what stands beside this program.
func runVerifyScaleout(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return runBench(ctx, append([]string{"verify-scaleout"}, args...), stdout, stderr)
}

// runBench runs livedub-bench, which stands beside this program: the server
// links nothing of what only benches need.
func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(self), "livedub-bench")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("the benches are a program of their own: %w: run make build, or put livedub-bench beside livedub", err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return cli.ChildError{Code: max(1, exit.ExitCode())}
	}
	return err
}
