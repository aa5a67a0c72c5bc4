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
		return wire.NewListener(d), nil, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pocketsphinxworker:", err)
		os.Exit(1)
	}
}
