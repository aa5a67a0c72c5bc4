package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"livedub/internal/worker/child"
	"livedub/internal/worker/wire"
)

// play is a worker: good, or one that breaks the protocol.
func play(mode string) {
	say := func(m wire.Message) { _ = wire.Write(os.Stdout, m) }
	stuck := func() { select {} }
	switch mode {
	case "good":
		err := child.Main(func() (child.Engine, []byte, error) { return &echo{}, []byte("hello " + os.Args[1]), nil })
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case "refuses":
		_ = child.Main(func() (child.Engine, []byte, error) { return nil, nil, errors.New("no voice data") })
		return
	case "mute":
		go stuck()
		time.Sleep(time.Hour)
	case "garbage":
		fmt.Println("Segmentation fault (core dumped), with the rest of a line that is long enough")
	case "zeros":
		for {
			_, _ = os.Stdout.Write(make([]byte, 1<<16))
		}
	case "huge":
		_, _ = os.Stdout.WriteString("\xff\xff\xff\xff")
		time.Sleep(time.Hour)
	}
	say(wire.Message{Kind: wire.Hello})
	switch mode {
	case "flood": // answers nobody asked for
		for i := range uint32(1 << 30) {
			say(wire.Message{Kind: wire.Reply, ID: i, Body: make([]byte, 1000)})
		}
	case "deaf": // reads nothing
		time.Sleep(time.Hour)
	}
	for {
		m, err := wire.Read(os.Stdin, 1<<20)
		if err != nil {
			return
		}
		switch mode {
		case "wrong id":
			say(wire.Message{Kind: wire.Reply, ID: m.ID + 1})
		case "wrong kind":
			say(wire.Message{Kind: wire.Hello, ID: m.ID})
		case "too much":
			say(wire.Message{Kind: wire.Reply, ID: m.ID, Body: make([]byte, 1<<20+1)})
		case "twice":
			say(wire.Message{Kind: wire.Reply, ID: m.ID})
			say(wire.Message{Kind: wire.Reply, ID: m.ID})
		case "half":
			_, _ = os.Stdout.Write(wire.Append(nil, wire.Message{Kind: wire.Reply, ID: m.ID, Body: make([]byte, 100)})[:50])
			return
		case "trickle":
			for _, b := range wire.Append(nil, wire.Message{Kind: wire.Reply, ID: m.ID, Body: make([]byte, 1<<20)}) {
				_, _ = os.Stdout.Write([]byte{b})
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// echo answers with what it was told and asked, or as the request says.
type echo struct{ told bytes.Buffer }

func (e *echo) Notice(b []byte) {
	e.told.Write(b)
	if string(b) == "hang" {
		_ = os.WriteFile(os.Getenv(markEnv), nil, 0o600)
		time.Sleep(time.Hour)
	}
}

func (e *echo) Answer(ctx context.Context, b []byte) ([]byte, error) {
	switch string(b) {
	case "refuse":
		return nil, errors.New("\xff no")
	case "hang":
		time.Sleep(time.Hour) // as a library does that loops
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Hour)
	case "exit":
		os.Exit(0)
	case "print":
		fmt.Println("a library's own words")
	case "nice":
		p, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		return []byte(fmt.Sprint(20 - p)), err
	case "env":
		return []byte(strings.Join(os.Environ(), "\n")), nil
	}
	defer e.told.Reset()
	return append(slices.Clone(e.told.Bytes()), b...), nil
}

// No worker, however broken, has more than its answer's room or gets its user to hang or panic.
func TestHostile(t *testing.T) {
	c := Config{Start: 2 * time.Second, Limit: 200 * time.Millisecond, Grace: 50 * time.Millisecond}
	for _, mode := range []string{"refuses", "mute", "garbage", "zeros", "huge"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := c
			if mode == "mute" || mode == "huge" {
				c.Start = 200 * time.Millisecond
			}
			if _, err := open(t, mode, c); err == nil || mode == "refuses" && !strings.Contains(err.Error(), "no voice data") {
				t.Errorf("%v", err)
			}
		})
	}
	for _, mode := range []string{"flood", "deaf", "wrong id", "wrong kind", "too much", "twice", "half", "trickle"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p, err := open(t, mode, c)
			if err != nil { // it may have been found out already
				return
			}
			first := p.PIDs()
			for range 2 {
				_, _ = ask(t.Context(), p, "x") // fails or not, but ends
			}
			eventually(t, "the first worker to be found out", func() bool {
				return len(first) == 0 || !slices.Contains(p.PIDs(), first[0])
			})
		})
	}
}
