//go:build linux && (amd64 || arm64)

// Command transducerworker recognizes speech by a streaming transducer of the
// operator's, run by sherpa-onnx, for the server that started it: sound comes on
// standard input, words leave on standard output, in the form of
// livedub/inference/recognize/wire. It ends when its input does. Its arguments
// are the paths of encoder, decoder, joiner and tokens.txt.
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
		if len(os.Args) != 5 {
			return nil, nil, errors.New("want four paths: encoder, decoder, joiner, tokens.txt")
		}
		r, err := open(files{os.Args[1], os.Args[2], os.Args[3], os.Args[4]})
		if err != nil {
			return nil, nil, err
		}
		return wire.NewListener(r), nil, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "transducerworker:", err)
		os.Exit(1)
	}
}
