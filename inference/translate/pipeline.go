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

// maxAnswer bounds one answer, in bytes.
const maxAnswer = 1 << 20

var (
	errStalled = errors.New("gave no answer in time")
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
	bad   bool     // it said what it must not, ended, or was sent half a text
}

func startPipeline(groups *proc.Groups, stages [][]string) (p *pipeline, err error) {
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

	p = &pipeline{group: groups.Group()}
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
// returns the answer in the same format. It ends with ctx, with ctx's cause.
// After any error the pipeline must settle.
//
// Each text is followed by a superblank, which stages pass on as it is, with
// the text's number: when a stage dies, those after it see the end of their
// input and write NULs of their own.
func (p *pipeline) ask(ctx context.Context, text string) (answer string, err error) {
	err = p.within(ctx, func() error {
		p.asked++
		if _, err := fmt.Fprintf(p.in, "%s.[%d]\n\x00", text, p.asked); err != nil {
			p.bad = true // part of it may be on its way
			return err
		}
		answer, err = p.await()
		return err
	})
	return answer, err
}

// settle takes the answers that nobody waits for any more, and tells whether
// they came before ctx ended.
func (p *pipeline) settle(ctx context.Context) bool {
	if !p.bad && p.heard < p.asked {
		_ = p.within(ctx, func() error {
			_, err := p.await()
			return err
		})
	}
	return !p.bad && p.heard == p.asked
}

// within runs f, which talks to the pipeline, and cuts it short when ctx ends.
func (p *pipeline) within(ctx context.Context, f func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_ = p.in.SetDeadline(time.Time{})
	_ = p.out.SetDeadline(time.Time{})
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = p.in.SetDeadline(time.Unix(1, 0))
		_ = p.out.SetDeadline(time.Unix(1, 0))
		close(cut)
	})
	err := f()
	if !stop() {
		<-cut // else it might cut the next one's waiting
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.Cause(ctx)
	}
	p.bad = true
	return errEnded // EOF, EPIPE or nonsense
}

// await reads up to the answer to the last text.
func (p *pipeline) await() (string, error) {
	for {
		answer, err := p.next()
		if err != nil {
			return "", err
		}
		text, n := cutNumber(answer)
		if n != p.heard+1 || n > p.asked {
			return "", errEnded
		}
		if p.heard = n; n == p.asked {
			return text, nil
		}
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
