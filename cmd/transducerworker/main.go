//go:build linux && (amd64 || arm64)

// Command transducerworker recognizes speech by a net that sherpa-onnx runs, for
// the server that started it: sound comes on standard input, words leave on
// standard output, in the form of livedub/inference/recognize/wire. It ends when its
// input does. Its arguments are one of
//
//	streaming ENCODER DECODER JOINER TOKENS           a streaming transducer
//	tdt THREADS ENCODER DECODER JOINER TOKENS         a Parakeet, or another of NeMo's
//	sensevoice THREADS LANGUAGE MODEL TOKENS          LANGUAGE may be auto
//
// It is a process of its own because an exception, a crash or an endless loop in
// C++ cannot be survived within the server, and memory of it cannot be bounded
// there.
package main

import (
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
		l, err := load(os.Args[1:])
		if err != nil {
			return nil, nil, err
		}
		return wire.NewListener(l), nil, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "transducerworker:", err)
		os.Exit(1)
	}
}

// load opens what the arguments name.
func load(args []string) (wire.Library, error) {
	kind := ""
	if len(args) > 0 {
		kind, args = args[0], args[1:]
	}
	switch {
	case kind == "streaming" && len(args) == 4:
		return open(files{args[0], args[1], args[2], args[3]})
	case kind == "tdt" && len(args) == 5:
		return openTDT(args[0], files{args[1], args[2], args[3], args[4]})
	case kind == "sensevoice" && len(args) == 4:
		return openSenseVoice(args[0], args[1], args[2], args[3])
	}
	return nil, errors.New("want streaming, tdt or sensevoice, and the files of a model")
}
