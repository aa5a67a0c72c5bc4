// Package child is a worker process's side of package worker: it answers the
// server that started the process, over standard input and output.
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"livedub/internal/worker/wire"
)

// Engine does the work, on the goroutine that called Main.
type Engine interface {
	// Answer answers a request. ctx ends when nobody waits for the answer any
	// more. An error is told to the server as a refusal.
	Answer(ctx context.Context, body []byte) ([]byte, error)
	// Notice takes what wants no answer.
	Notice(body []byte)
}

const (
	// MaxRequest is the longest request or notice, in bytes.
	MaxRequest = 1 << 20
	// ahead is how many messages are read before their turn, so that a Cancel is seen behind them.
	ahead = 256
)

// Main serves until the input ends; then the program may exit. open returns the
// engine and the body of its hello; its error is told to the server.
func Main(open func() (Engine, []byte, error)) error {
	out, err := claimOutput()
	if err != nil {
		return err
	}
	defer out.Close()
	return serve(os.Stdin, out, open)
}

// claimOutput returns standard output and puts standard error in its place:
// whatever a library prints must not fall between the messages.
func claimOutput() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "replies"), nil
}

func serve(in io.Reader, out io.Writer, open func() (Engine, []byte, error)) error {
	engine, hello, err := open()
	if err != nil {
		return errors.Join(err, wire.Write(out, wire.Message{Kind: wire.Refusal, Body: []byte(err.Error())}))
	}
	if err := wire.Write(out, wire.Message{Kind: wire.Hello, Body: hello}); err != nil {
		return err
	}
	q := &inbox{messages: make(chan wire.Message, ahead)}
	go q.fill(in)
	for m := range q.messages {
		answer, wanted := q.do(engine, m)
		if !wanted {
			continue
		}
		if err := wire.Write(out, answer); err != nil {
			return err
		}
	}
	return q.err
}

// inbox is what has been read and was not done yet.
type inbox struct {
	messages chan wire.Message
	err      error // why messages was closed; nil at the input's end

	mu        sync.Mutex
	cancelled uint32 // nobody waits for messages before this one
	now       uint32 // the request being answered; 0 for none
	stop      context.CancelFunc
}

// fill reads until the input ends. The process ends with serve, and fill with it.
func (q *inbox) fill(in io.Reader) {
	defer close(q.messages)
	r := bufio.NewReader(in)
	for {
		m, err := wire.Read(r, MaxRequest)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			q.err = err
			return
		}
		switch m.Kind {
		case wire.Request, wire.Notice:
		case wire.Cancel:
			q.cancel(m.ID)
		default:
			q.err = fmt.Errorf("%w (a %v from the server)", wire.ErrBroken, m.Kind)
			return
		}
		q.messages <- m
	}
}

func (q *inbox) cancel(id uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cancelled = id
	if q.now != 0 && q.now < id {
		q.stop()
	}
}

// do has one message done and returns the answer, if one is wanted.
func (q *inbox) do(engine Engine, m wire.Message) (answer wire.Message, wanted bool) {
	if m.Kind == wire.Cancel {
		return wire.Message{Kind: wire.Reply, ID: m.ID}, true
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	q.mu.Lock()
	late := m.ID < q.cancelled
	q.now, q.stop = m.ID, stop
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		q.now = 0
		q.mu.Unlock()
	}()

	if m.Kind == wire.Notice {
		if !late {
			engine.Notice(m.Body)
		}
		return wire.Message{}, false
	}
	body, err := []byte(nil), context.Canceled
	if !late {
		body, err = engine.Answer(ctx, m.Body)
	}
	if err != nil {
		return wire.Message{Kind: wire.Refusal, ID: m.ID, Body: []byte(err.Error())}, true
	}
	return wire.Message{Kind: wire.Reply, ID: m.ID, Body: body}, true
}
