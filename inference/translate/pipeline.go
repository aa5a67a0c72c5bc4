package translate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"livedub/internal/proc"
)

const (
	stall     = 5 * time.Second // without an answer for so long, a pipeline is taken for dead
	maxAnswer = 1 << 20         // bytes
	maxOwed   = 8               // answers nobody waits for any more
)

var (
	errStalled = fmt.Errorf("gave no answer within %v", stall)
	errEnded   = errors.New("ended")
)

// pipeline is one running mode: its processes in a row, each reading from the
// one before. It answers one text at a time and has one user at a time.
type pipeline struct {
	group *proc.Group
	in    *os.File // to the first stage
	out   *os.File // from the last stage
	buf   []byte   // read, not used yet
	asked int      // texts sent
	heard int      // number of the last text answered; smaller than asked where an asker gave up
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
//
// Each text is followed by a superblank, which stages pass on as it is, with
// the text's number: when a stage dies, those after it see the end of their
// input and write NULs of their own.
func (p *pipeline) ask(ctx context.Context, text string) (string, error) {
	if p.asked-p.heard > maxOwed {
		return "", errStalled
	}
	limit := time.Now().Add(stall)
	_ = p.in.SetDeadline(limit)
	_ = p.out.SetDeadline(limit)
	p.asked++
	if _, err := fmt.Fprintf(p.in, "%s.[%d]\n\x00", text, p.asked); err != nil {
		return "", cause(err)
	}

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
		text, n := cutNumber(answer)
		switch {
		case n == p.asked:
			p.heard = n
			return text, nil
		case n != p.heard+1:
			return "", errEnded
		}
		p.heard = n
	}
}

// cutNumber takes the superblank with the text's number off the end of an
// answer; n is 0 if there is none.
func cutNumber(answer string) (text string, n int) {
	answer = strings.TrimRight(answer, "\n ")
	i := strings.LastIndexByte(answer, '[')
	if i < 0 || !strings.HasSuffix(answer, "]") {
		return "", 0
	}
	n, err := strconv.Atoi(answer[i+1 : len(answer)-1])
	if err != nil || n < 1 {
		return "", 0
	}
	return answer[:i], n
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
	return errEnded // EOF or EPIPE
}
