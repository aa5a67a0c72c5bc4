package speak

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"livedub/inference/speak/wire"
	"livedub/internal/proc"
)

const (
	startLimit   = 10 * time.Second // from the start of a worker to its hello
	requestLimit = 10 * time.Second // for one synthesis
)

// worker is one running espeakworker. It has one user at a time.
type worker struct {
	group *proc.Group
	in    *os.File // requests
	out   *os.File // replies
	read  *bufio.Reader
	hello wire.Hello
}

func startWorker(ctx context.Context, nest *proc.Nest, path string) (w *worker, err error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	defer theirOut.Close()
	w = &worker{group: nest.Group(), in: in, out: out, read: bufio.NewReader(out)}
	cmd := exec.Command(path)
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	// One thread speaks; the runtime's others would only cost memory.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := w.group.Start(cmd); err != nil {
		w.close()
		return nil, fmt.Errorf("espeak: cannot start %s: %w", path, err)
	}
	err = w.within(ctx, startLimit, func() (err error) {
		_ = theirOut.Close() // else its end would not show
		w.hello, err = wire.ReadHello(w.read)
		return err
	})
	if err != nil {
		w.close()
		return nil, fmt.Errorf("espeak: %s did not come up: %w; run it by hand", path, err)
	}
	return w, nil
}

// ask has one text spoken. After an error from anything but the reply itself
// the worker is of no use.
func (w *worker) ask(ctx context.Context, q wire.Request) (p wire.Reply, err error) {
	err = w.within(ctx, requestLimit, func() error {
		if err := wire.WriteRequest(w.in, q); err != nil {
			return err
		}
		p, err = wire.ReadReply(w.read)
		return err
	})
	return p, err
}

// within runs f, which talks to the worker, and cuts it short when the limit or ctx ends.
func (w *worker) within(ctx context.Context, limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	_ = w.in.SetDeadline(deadline)
	_ = w.out.SetDeadline(deadline)
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = w.in.SetDeadline(time.Unix(1, 0))
		_ = w.out.SetDeadline(time.Unix(1, 0))
		close(cut)
	})
	err := f()
	if !stop() {
		<-cut
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %v", limit)
	}
	return err
}

func (w *worker) close() {
	w.group.Kill()
	_ = w.in.Close()
	_ = w.out.Close()
}

// find returns the worker's path.
func find(path string) (string, error) {
	const name = "espeakworker"
	if path != "" {
		return exec.LookPath(path)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if p, err := exec.LookPath(beside); err == nil {
			return p, nil
		}
	}
	p, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New("espeak: no espeakworker beside this program nor in $PATH; go build livedub/cmd/espeakworker")
	}
	return p, nil
}
