// Command pocketsphinxworker recognizes speech by PocketSphinx for the server
// that started it: sound comes on standard input, words leave on standard
// output, in the form of livedub/inference/recognize/wire. It ends when its
// input does. Its arguments are the paths of the acoustic model, the language
// model and the dictionary.
//
// It is a process of its own because a crash or an endless loop in C cannot be
// survived within the server, and memory of C cannot be bounded there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"livedub/inference/recognize/wire"
	"livedub/internal/worker/child"
)

// The library runs on the main thread only, the one with a large stack.
func init() { runtime.LockOSThread() }

func main() {
	err := child.Main(func() (child.Engine, []byte, error) {
		if len(os.Args) != 4 {
			return nil, nil, errors.New("want three paths: acoustic model, language model, dictionary")
		}
		d, err := newDecoder(os.Args[1], os.Args[2], os.Args[3])
		if err != nil {
			return nil, nil, err
		}
		return &listener{decoder: d}, nil, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pocketsphinxworker:", err)
		os.Exit(1)
	}
}

// listener is a decoder that hears one utterance after another.
type listener struct {
	*decoder
	within bool  // an utterance
	err    error // of a notice: the next answer; until reset
}

// Notice implements child.Engine.
func (l *listener) Notice(body []byte) {
	op, pcm, err := wire.Decode(body)
	switch {
	case l.err != nil:
	case err != nil:
		l.err = err
	case op == wire.OpStart && !l.within:
		l.err = l.start()
		l.within = l.err == nil
	case op == wire.OpFeed && l.within:
		l.err = l.feed(pcm)
	default:
		l.err = errOrder
	}
}

var errOrder = errors.New("what was asked is out of order")

// Answer implements child.Engine. No part of a decoder's work can be cut short.
func (l *listener) Answer(_ context.Context, body []byte) ([]byte, error) {
	op, _, err := wire.Decode(body)
	if err != nil {
		return nil, err
	}
	if op == wire.OpReset {
		if l.within {
			l.within = false
			if err := l.end(); err != nil {
				return nil, err
			}
		}
		l.err = l.reset()
		return nil, l.err
	}
	switch {
	case l.err != nil:
		return nil, l.err
	case !l.within || op != wire.OpWords && op != wire.OpEnd:
		return nil, errOrder
	case op == wire.OpEnd:
		l.within = false
		if l.err = l.end(); l.err != nil {
			return nil, l.err
		}
	}
	return wire.EncodeWords(l.words()), nil
}
