package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"livedub/internal/proc"
)

// ClientError is the failure of a registry's client.
type ClientError struct {
	Client string // "pip" or "npm"
	Err    error
	Said   string // its last words on stderr
}

// Error returns all of it on one line.
func (e *ClientError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("%s: %v", e.Client, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Client, e.Err, e.Said)
}

// Unwrap returns Err.
func (e *ClientError) Unwrap() error { return e.Err }

// registryClient is how a registry's own client fetches one package without
// installing it, and without running anything that is in it.
type registryClient struct {
	name     string
	programs []string // the first that is there
	args     func(p Package, out, work string) []string
}

var clients = map[string]registryClient{
	pypi: {"pip", []string{"pip3", "pip"}, func(p Package, out, _ string) []string {
		// Of a source package pip would run the build to learn its name.
		return []string{"download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input",
			"--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest", out, p.Name + "==" + p.Version}
	}},
	npm: {"npm", []string{"npm"}, func(p Package, out, work string) []string {
		return []string{"pack", "--ignore-scripts", "--pack-destination", out, "--cache", work,
			"--no-update-notifier", "--no-fund", "--no-audit", "--loglevel=error", p.Name + "@" + p.Version}
	}},
}

// runClient runs a package's client with the folder work for all that it writes,
// and returns the archive. wanted bytes are in it that anybody wants.
func (p *pull) runClient(ctx context.Context, from Package, work string, wanted int64) (string, error) {
	c := clients[from.Registry]
	program := ""
	for _, name := range c.programs {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		return "", &ClientError{Client: c.name, Err: ErrClient}
	}
	out, temp := filepath.Join(work, "out"), filepath.Join(work, "temp")
	for _, d := range []string{out, temp} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	said := &tail{most: 4 << 10}
	cmd := exec.CommandContext(ctx, program, c.args(from, out, temp)...)
	cmd.Dir = work // no project's settings
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	groups := proc.NewGroups()
	defer groups.Close()
	if err := groups.Start(cmd); err != nil {
		return "", &ClientError{Client: c.name, Err: err}
	}
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(work, wanted, ended, cancel)
	}()
	err := cmd.Wait()
	close(ended)
	<-watched
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded):
		return "", cause
	case cause != nil:
		return "", &ClientError{Client: c.name, Err: cause}
	case err != nil:
		if said.has("No space left on device") || said.has("ENOSPC") {
			err = fmt.Errorf("%w: %w", err, syscall.ENOSPC)
		}
		return "", &ClientError{Client: c.name, Err: err, Said: said.last()}
	}
	return onlyFile(out, c.name)
}

// watch follows a client by what its folder holds, until it has ended. It ends
// one that brings nothing for long, or far more than anybody wants.
func (p *pull) watch(work string, wanted int64, ended <-chan struct{}, cancel context.CancelCauseFunc) {
	// The package itself, twice, and what the client notes down.
	most := 3*wanted + 256<<20
	tick := time.NewTicker(p.timing.poll)
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		n := folderSize(work)
		p.Progress.now.Store(min(n, wanted))
		switch {
		case n > most:
			cancel(fmt.Errorf("brought more than %d MB", most>>20))
			return
		case n != last:
			last, since = n, time.Now()
		case time.Since(since) > p.timing.client:
			cancel(fmt.Errorf("brought nothing for %v", p.timing.client))
			return
		}
	}
}

// folderSize returns the bytes of all files below dir; what vanishes meanwhile counts for nothing.
func folderSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}

// onlyFile returns the one file that a client has left in a folder.
func onlyFile(dir, client string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 || !entries[0].Type().IsRegular() {
		return "", &ClientError{Client: client, Err: fmt.Errorf("brought %d files, want one package", len(entries))}
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	most int
	b    []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - t.most; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) has(s string) bool { return bytes.Contains(t.b, []byte(s)) }

// last returns the last line that tells a reason, printable and of bounded length.
func (t *tail) last() string {
	line := ""
	for l := range strings.Lines(string(t.b)) {
		// npm ends with where its log lies, which is gone by then.
		if strings.TrimSpace(l) != "" && !strings.Contains(l, "complete log of this run") {
			line = l
		}
	}
	line = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return ' '
		}
		return r
	}, line)
	if r := []rune(line); len(r) > maxText {
		line = string(r[:maxText]) + "…"
	}
	return strings.TrimSpace(line)
}
