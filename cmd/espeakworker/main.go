// Command espeakworker speaks text by espeak-ng for the server that started
// it: requests come on standard input, speech leaves on standard output, in the
// form of livedub/inference/speak/wire. It ends when its input does.
//
// It is a process of its own because libespeak-ng reads beyond its stack inside
// a Go process with many threads, and crashes, and because libespeak-ng is
// under the GNU GPL, version 3 or later: a binary of this command is
// distributed under that licence, the server that talks to it over a pipe is not.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"livedub/inference/speak/wire"
	"livedub/internal/worker/child"
)

// The library runs on the main thread only, the one with a large stack.
func init() { runtime.LockOSThread() }

func main() {
	err := child.Main(func() (child.Engine, []byte, error) {
		s, err := open()
		if err != nil {
			return nil, nil, err
		}
		return s, wire.Hello{Rate: s.rate, Voices: s.voices()}.Encode(), nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "espeakworker:", err)
		os.Exit(1)
	}
}

// Notice implements child.Engine: there is none.
func (s *synthesizer) Notice([]byte) {}

// Answer implements child.Engine.
func (s *synthesizer) Answer(ctx context.Context, body []byte) ([]byte, error) {
	q, err := wire.DecodeRequest(body)
	if err != nil {
		return nil, err
	}
	if q.Phonemes {
		clauses, err := s.phonemes(q)
		if err != nil {
			return nil, err
		}
		return wire.EncodeClauses(clauses), nil
	}
	reply, err := s.speak(ctx, q)
	if err != nil {
		return nil, err
	}
	return reply.Encode(), nil
}
