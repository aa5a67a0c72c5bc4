package translate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"livedub/internal/proc"
)

const (
	stall     = 5 * time.Second // without an answer for so long, a pipeline is taken for dead
	maxAnswer = 1 << 20         // bytes
	maxOwed   = 8               // answers nobody waits for any more
)

var errStalled = fmt.Errorf("gave no answer within %v", stall)

// pipeline is one running mode: its processes in a row, each reading from the
// one before. It answers one text at a time and has one user at a time.
type pipeline struct {
	group *proc.Group
	in    *os.File // to the first stage
	out   *os.File // from the last stage
	buf   []byte   // read, not used yet
	owed  int      // answers to come that their askers no longer wait for
}

func startPipeline(nest *proc.Nest, stages [][]string) (p *pipeline, err error) {
	var open []*os.File // our copies of what the stages use
	defer func() {
		for _, f := range open {
			_ = f.Close()
		}
	}()
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		r, w, err = os.Pipe()
		return r, w
	}

	p = &pipeline{group: nest.Group()}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	read, in := pipe()
	if err != nil {
		return nil, err
	}
	p.in, open = in, append(open, read)
	for _, words := range stages {
		next, write := pipe()
		if err != nil {
			return nil, err
		}
		// The last stage's output stays ours; each of the others' is the next one's input.
		if open = append(open, write); p.out != nil {
			open = append(open, p.out)
		}
		p.out = next
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Stdin, cmd.Stdout = read, write
		cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
		if err = p.group.Start(cmd); err != nil {
			return nil, err
		}
		read = next
	}
	return p, nil
}

// ask sends one text in Apertium's stream format, without its final stop, and
// returns the answer in the same format. After any error but ctx's the pipeline
// is of no use.
func (p *pipeline) ask(ctx context.Context, text string) (string, error) {
	if p.owed > maxOwed {
		return "", errStalled
	}
	limit := time.Now().Add(stall)
	_ = p.in.SetDeadline(limit)
	_ = p.out.SetDeadline(limit)
	if _, err := p.in.WriteString(text + ".[]\n\x00"); err != nil {
		return "", cause(err)
	}
	p.owed++

	// Cancelling cuts only the waiting short; the answer is skipped when it comes.
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = p.out.SetReadDeadline(time.Unix(1, 0))
		close(cut)
	})
	defer func() {
		if !stop() {
			<-cut // else it might cut the next asker's waiting
		}
	}()
	for {
		answer, err := p.next()
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return "", ctx.Err()
			}
			return "", cause(err)
		}
		if p.owed--; p.owed == 0 {
			return answer, nil
		}
	}
}

// next reads up to the next NUL.
func (p *pipeline) next() (string, error) {
	chunk := make([]byte, 4096)
	for {
		if i := bytes.IndexByte(p.buf, 0); i >= 0 {
			answer := string(p.buf[:i])
			p.buf = p.buf[i+1:]
			return answer, nil
		}
		if len(p.buf) > maxAnswer {
			return "", fmt.Errorf("answered more than %d bytes", maxAnswer)
		}
		n, err := p.out.Read(chunk)
		p.buf = append(p.buf, chunk[:n]...)
		if n == 0 && err != nil {
			return "", err
		}
	}
}

// close ends the pipeline's processes.
func (p *pipeline) close() {
	p.group.Kill()
	if p.in != nil {
		_ = p.in.Close()
	}
	if p.out != nil {
		_ = p.out.Close()
	}
}

func cause(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errStalled
	}
	return errors.New("ended") // EOF or EPIPE
}
