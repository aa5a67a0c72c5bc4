// Command espeakworker speaks text by espeak-ng for the server that started
// it: requests come on standard input, speech leaves on standard output, in the
// form of package wire. It ends when its input does.
//
// It is a process of its own because libespeak-ng reads beyond its stack inside
// a Go process with many threads, and crashes, and because libespeak-ng is
// under the GNU GPL, version 3 or later: a binary of this command is
// distributed under that licence, the server that talks to it over a pipe is not.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"livedub/inference/speak/wire"
)

// The library runs on the main thread only, the one with a large stack.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "espeakworker:", err)
		os.Exit(1)
	}
}

func run() error {
	// Whatever the library prints must not fall between the messages.
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return err
	}
	out := os.NewFile(uintptr(fd), "replies")
	in := bufio.NewReader(os.Stdin)

	s, err := open()
	if err != nil {
		return err
	}
	if err := wire.WriteHello(out, wire.Hello{Rate: s.rate, Voices: s.voices()}); err != nil {
		return err
	}
	for {
		q, err := wire.ReadRequest(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		reply, err := s.speak(q)
		if err != nil {
			reply = wire.Reply{Err: err.Error()}
		}
		if err := wire.WriteReply(out, reply); err != nil {
			return err
		}
	}
}
