// Package worker runs engines in processes of their own: programs that package
// child serves. A crash, a leak or an endless loop in an engine's library ends
// its process and nothing else.
//
// A Pool starts the processes, lends each to one user at a time, and replaces
// those that died, answered nonsense, or gave no answer in time. Whatever a
// worker sends, what it can cost is bounded: MaxReply bytes for each request.
package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"livedub/internal/proc"
	"livedub/internal/worker/wire"
)

var (
	// ErrClosed says that the pool was closed.
	ErrClosed = errors.New("the workers were ended")
	// ErrBroken is wrapped by errors about answers that make no sense.
	ErrBroken = wire.ErrBroken

	errEnded   = errors.New("the process ended")
	errUnasked = fmt.Errorf("%w (an answer to nothing that was asked)", ErrBroken)
)

// Refusal is a worker's own answer that it cannot do something. The worker is well.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// Worker is a running process that its user may talk to, from one goroutine at a time.
type Worker struct {
	cfg   *Config
	group *proc.Group
	in    *os.File // what we say
	out   *os.File // what it says
	began time.Time

	hello chan struct{} // closed when the hello is there
	gone  chan struct{} // closed by listen at its end
	kill  sync.Once

	last   atomic.Uint32 // ID of the last message sent
	torn   bool          // a message was sent in part
	noting bool          // notices were sent after the last answer

	mu     sync.Mutex
	greets []byte
	asked  []*Answer // in order
	cause  error     // why listen ended, or will
}

// Answer is one that is under way.
type Answer struct {
	w    *Worker
	id   uint32
	done chan struct{}
	body []byte // these two once done
	err  error
}

// launch starts a process and waits for its hello.
func launch(ctx context.Context, nest *proc.Groups, cfg *Config) (w *Worker, err error) {
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
	w = &Worker{cfg: cfg, group: nest.Group(), in: in, out: out, began: time.Now(), hello: make(chan struct{}), gone: make(chan struct{})}
	cmd := exec.Command(cfg.Path, cfg.Args...)
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	cmd.Env = environment(cfg.Env)
	if err := w.group.Start(cmd); err != nil {
		w.group.Kill()
		return nil, errors.Join(fmt.Errorf("cannot start %s: %w", cfg.Path, err), in.Close(), out.Close())
	}
	limit(w.group, cfg.Memory)
	_ = theirOut.Close() // else its end would not show
	go w.listen()

	late := time.NewTimer(cfg.Start)
	defer late.Stop()
	select {
	case <-w.hello:
		return w, nil
	case <-w.gone:
		err = w.why()
	case <-late.C:
		err = fmt.Errorf("no word within %v", cfg.Start)
	case <-ctx.Done():
		w.end()
		return nil, ErrClosed
	}
	w.end()
	return nil, fmt.Errorf("%s did not come up: %w; run it by hand", cfg.Path, err)
}

// environment is ours without our settings, some of which are secrets.
func environment(more []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LIVEDUB_") })
	// One thread works; the runtime's others would only cost memory.
	return append(append(env, "GOMAXPROCS=1"), more...)
}

// limit bounds a process's memory (of its own, writable) and has it leave no
// core file: those would hold what people said. A process that has ended
// already shows when it is listened to.
func limit(g *proc.Group, memory int64) {
	for _, pid := range g.PIDs() {
		_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
		if memory > 0 {
			_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(memory), Max: uint64(memory)}, nil)
		}
	}
}

// listen takes what the worker says until it ends or says what it must not.
func (w *Worker) listen() {
	defer close(w.gone)
	r := bufio.NewReader(w.out)
	err := w.greet(r)
	for err == nil {
		var m wire.Message
		if m, err = wire.Read(r, w.cfg.MaxReply); err == nil {
			err = w.take(m)
		}
	}
	if !errors.Is(err, ErrBroken) && !isRefusal(err) {
		err = errEnded
	}
	w.doom(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.asked {
		a.err = w.cause
		close(a.done)
	}
	w.asked = nil
}

// greet takes the first message.
func (w *Worker) greet(r io.Reader) error {
	m, err := wire.Read(r, wire.MaxHello)
	switch {
	case err != nil:
		return err
	case m.Kind == wire.Refusal:
		return refusal(m.Body)
	case m.Kind != wire.Hello || m.ID != 0:
		return errUnasked
	}
	w.mu.Lock()
	w.greets = m.Body
	w.mu.Unlock()
	close(w.hello)
	return nil
}

// take gives an answer to who waits for it.
func (w *Worker) take(m wire.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) == 0 || w.asked[0].id != m.ID {
		return errUnasked
	}
	a := w.asked[0]
	switch m.Kind {
	case wire.Reply:
		a.body = m.Body
	case wire.Refusal:
		a.err = refusal(m.Body)
	default:
		return errUnasked
	}
	w.asked = w.asked[1:]
	close(a.done)
	return nil
}

// maxRefusal bounds what a worker's complaint adds to our log, in bytes.
const maxRefusal = 500

func refusal(text []byte) error {
	return &Refusal{strings.ToValidUTF8(string(text[:min(len(text), maxRefusal)]), "?")}
}

func isRefusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}

// doom says why the worker ends, unless that is known already.
func (w *Worker) doom(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause == nil {
		w.cause = why
	}
}

// why returns what ended the worker; nil if it runs.
func (w *Worker) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}

// end kills the process and waits until nothing is left of it.
func (w *Worker) end() {
	w.kill.Do(func() {
		w.group.Kill()
		_ = w.in.Close()
		_ = w.out.Close() // ends listen even if a grandchild holds the pipe
	})
	<-w.gone
}

// Hello returns the body of the worker's first message.
func (w *Worker) Hello() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.greets
}

// PIDs returns the ids of the worker's process; none when it has been ended.
func (w *Worker) PIDs() []int { return w.group.PIDs() }

// Call sends a request and waits for its answer. An error is ctx's own, a
// *Refusal, or says that the worker is of no use any more.
func (w *Worker) Call(ctx context.Context, body []byte) ([]byte, error) {
	a, err := w.Ask(ctx, body)
	if err != nil {
		return nil, err
	}
	return a.Wait(ctx)
}

// Ask sends a request; the answer can be waited for later, or never.
func (w *Worker) Ask(ctx context.Context, body []byte) (*Answer, error) {
	return w.ask(ctx, wire.Request, body)
}

func (w *Worker) ask(ctx context.Context, k wire.Kind, body []byte) (*Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &Answer{w: w, id: w.last.Load() + 1, done: make(chan struct{})}
	w.mu.Lock()
	err := w.cause
	if err == nil {
		w.asked = append(w.asked, a)
	}
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := w.send(ctx, k, body); err != nil {
		return nil, err
	}
	w.noting = false
	return a, nil
}

// Tell sends what wants no answer. It waits only while the pipe is full, as
// long as ctx and the limit allow.
func (w *Worker) Tell(ctx context.Context, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.send(ctx, wire.Notice, body); err != nil {
		return err
	}
	w.noting = true
	return nil
}

// send writes one message. When it fails, part of the message may be on its
// way: the worker is of no use any more.
func (w *Worker) send(ctx context.Context, k wire.Kind, body []byte) error {
	if w.torn {
		return errEnded
	}
	id := w.last.Add(1)
	_ = w.in.SetWriteDeadline(time.Now().Add(w.cfg.Limit))
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = w.in.SetWriteDeadline(time.Unix(1, 0))
		close(cut)
	})
	err := wire.Write(w.in, wire.Message{Kind: k, ID: id, Body: body})
	if !stop() {
		<-cut // else it might cut the next message
	}
	if err == nil {
		return nil
	}
	w.torn = true
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it took nothing for %v", w.cfg.Limit)
	case w.why() != nil:
		return w.why()
	}
	return errEnded
}

// Wait returns the answer. The errors are those of Call.
func (a *Answer) Wait(ctx context.Context) ([]byte, error) {
	select {
	case <-a.done: // before ctx: what is there is taken
		return a.body, a.err
	default:
	}
	late := time.NewTimer(a.w.cfg.Limit)
	defer late.Stop()
	select {
	case <-a.done:
		return a.body, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, fmt.Errorf("no answer within %v", a.w.cfg.Limit)
	}
}

// settle has the worker drop what its last user left behind, and tells whether it did within grace.
func (w *Worker) settle(ctx context.Context) bool {
	if w.torn {
		return false
	}
	soon, stop := context.WithTimeout(ctx, w.cfg.Grace)
	defer stop()
	a, err := w.ask(soon, wire.Cancel, nil)
	if err == nil {
		_, err = a.Wait(soon)
	}
	return err == nil
}

// idle tells that nothing is under way: the last message was an answer.
func (w *Worker) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause == nil && len(w.asked) == 0 && !w.torn && !w.noting && w.last.Load() < maxLast
}

// maxLast is how many messages a worker is sent before it is replaced, so that IDs never come round.
const maxLast = 1 << 31
